" Highlighting of dl. The words are held against the language's grammar by the tests.
if exists("b:current_syntax")
  finish
endif

syntax keyword dlControl break continue else for if in match return while
syntax keyword dlDeclaration assert fn import let module var mut no_grad enable_grad
syntax keyword dlContextual as buffer derivative export extern from list param step test
syntax keyword dlWordOperator and or not
syntax keyword dlConstant true false none
syntax keyword dlType f32 f64 bf16 i32 i64 u8 bool int str

syntax match dlNumber "\v<0([xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)>"
syntax match dlNumber "\v<\d[0-9_]*(\.\d[0-9_]*)?([eE][+-]?\d+)?(f32|f64|bf16|i32|i64|u8)?>"
syntax match dlOperator "\v\|\>|-\>|[-+*/%@=!<>&]"
syntax match dlFunction "\v(<fn\s+)@<=\k+"
syntax match dlModule "\v(<module\s+)@<=\k+"
syntax match dlEscape contained "\v\\(u\{\x+\}|.)|\{\{|\}\}"
syntax region dlInterpolation contained matchgroup=dlEscape start="{" end="}" contains=TOP
syntax region dlString start=+"+ skip=+\\.+ end=+"\|$+ contains=dlEscape,dlInterpolation
syntax keyword dlTodo contained TODO FIXME NOTE
syntax match dlComment "#.*$" contains=dlTodo,@Spell
syntax match dlDocComment "##.*$" contains=@Spell

highlight default link dlControl Statement
highlight default link dlDeclaration Keyword
highlight default link dlContextual Keyword
highlight default link dlWordOperator Operator
highlight default link dlConstant Constant
highlight default link dlType Type
highlight default link dlNumber Number
highlight default link dlOperator Operator
highlight default link dlFunction Function
highlight default link dlModule Structure
highlight default link dlEscape SpecialChar
highlight default link dlString String
highlight default link dlTodo Todo
highlight default link dlComment Comment
highlight default link dlDocComment SpecialComment

let b:current_syntax = "dl"
