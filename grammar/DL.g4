// The grammar of dl.
//
// The parser does not see the lexer's tokens directly: compiler/syntax/layout.cpp drops comments and the newlines that
// do not count, matches brackets, and ends every statement with exactly one NEWLINE, also before `}` and at the end of
// the file. Binary operators are one flat list here; their precedence is a table in compiler/syntax/build_expr.cpp.
// Every decision needs at most two tokens, which keeps ANTLR's prediction fast.
grammar DL;

tokens { BAD_STRING } // what scanString() makes of a string without an end

@lexer::members {
  // Consumes the rest of a string, of which the opening quote has been read. Strings nest through `{…}`, which no
  // longest match can follow, so the lexer of compiler/syntax/lexer.cpp does it by hand.
  virtual void scanString() {}
}

// ------------------------------------------------------------------------------------------------------- statements
file : statement* EOF ;
interpolation : expression NEWLINE EOF ;

statement
  : kind=(LET | VAR) pattern (COLON type)? ASSIGN expression NEWLINE                        # letStatement
  | ASSERT expression (COMMA expression)? NEWLINE                                           # assertStatement
  | WHILE expression block NEWLINE                                                          # whileStatement
  | FOR pattern IN reference=AMP? expression range? block NEWLINE                           # forStatement
  | BREAK NEWLINE                                                                           # breakStatement
  | CONTINUE NEWLINE                                                                        # continueStatement
  | RETURN expression? NEWLINE                                                              # returnStatement
  | IMPORT path (AS identifier)? NEWLINE                                                    # importStatement
  | FROM path IMPORT importName (COMMA importName)* NEWLINE                                 # fromStatement
  | TEST STRING block NEWLINE                                                               # testStatement
  | MODULE identifier (LPAREN parameters RPAREN)? moduleBody NEWLINE                        # moduleStatement
  | function NEWLINE                                                                        # functionStatement
  | expression (assignment expression)? NEWLINE                                             # expressionStatement
  ;

assignment
  : ASSIGN | ADD_ASSIGN | SUB_ASSIGN | MUL_ASSIGN | DIV_ASSIGN | FLOORDIV_ASSIGN | MOD_ASSIGN | POW_ASSIGN
  | MATMUL_ASSIGN
  ;

block : LBRACE statement* RBRACE ;
range : DOTDOT expression (STEP expression)? ;
path : identifier (DOT identifier)* ;
importName : identifier (AS identifier)? ;

pattern
  : identifier
  | LPAREN pattern (COMMA pattern)* COMMA? RPAREN
  ;

function
  : (EXPORT | EXTERN | DERIVATIVE | MUT)* FN identifier LPAREN parameters RPAREN (ARROW type)? functionBody?
  ;
functionBody : ASSIGN expression | block ;
parameters : (parameter (COMMA parameter)* COMMA?)? ;
parameter : MUT? STAR? identifier (COLON type)? (ASSIGN expression)? ;

moduleBody : LBRACE member* RBRACE ;
member
  : kind=(PARAM | BUFFER | LET) identifier (COLON type)? ASSIGN expression NEWLINE
  | function NEWLINE
  ;

// ------------------------------------------------------------------------------------------------------------ types
type
  : FN LPAREN (type (COMMA type)* COMMA?)? RPAREN (ARROW type)?         # functionType
  | LPAREN (type (COMMA type)* COMMA?)? RPAREN                          # tupleType
  | LIST LBRACKET type COMMA? RBRACKET                                  # listType
  | path (LBRACKET (dimension (COMMA dimension)* COMMA?)? RBRACKET)?    # namedType
  ;
dimension : STAR identifier | expression ;

// ------------------------------------------------------------------------------------------------------ expressions
expression
  : FN LPAREN parameters RPAREN (ARROW type)? functionBody              # lambda
  | operand ((OR | AND | EQ | NE | LT | LE | GT | GE | IN | NOT IN | PIPE | PLUS | MINUS | STAR | SLASH | FLOORDIV
      | PERCENT | AT | POWER) operand)*                                 # operation
  ;

operand : (PLUS | MINUS | NOT)* primary trailer* ;

trailer
  : DOT identifier
  | LPAREN (comprehension | argument (COMMA argument)* COMMA?)? RPAREN
  | LBRACKET indexItem (COMMA indexItem)* COMMA? RBRACKET
  ;
argument : (identifier ASSIGN)? AMP? expression | STAR expression ;
indexItem
  : ELLIPSIS
  | expression slice?
  | slice
  ;
slice : COLON expression? (COLON expression?)? ;

primary
  : identifier
  | INT | FLOAT | BAD_NUMBER | STRING | TRUE | FALSE | NONE
  | LPAREN (expression (COMMA expression)* COMMA?)? RPAREN
  | LBRACKET (comprehension | expression (COMMA expression)* COMMA?)? RBRACKET
  | ifExpression
  | matchExpression
  | (NO_GRAD | ENABLE_GRAD)? block
  ;
ifExpression : IF expression block (ELSE (ifExpression | block))? ;
matchExpression : MATCH expression LBRACE NEWLINE? (matchArm (COMMA NEWLINE? | NEWLINE))* RBRACE ;
matchArm : matchPattern (OR matchPattern)* (IF guard=expression)? COLON value=expression ;
matchPattern
  : identifier
  | MINUS? (INT | FLOAT)
  | STRING | TRUE | FALSE | NONE
  | LPAREN matchPattern (COMMA matchPattern)* COMMA? RPAREN
  ;
comprehension : FOR forClause (COMMA forClause)* (IF expression)? COLON expression ;
forClause : pattern IN expression range? ;

// Words that mean something in one place only and are names everywhere else.
identifier
  : NAME | AS | BUFFER | DERIVATIVE | EXPORT | EXTERN | FROM | LIST | PARAM | STEP | TEST
  ;

// ----------------------------------------------------------------------------------------------------------- tokens
AND : 'and' ;
ASSERT : 'assert' ;
BREAK : 'break' ;
CONTINUE : 'continue' ;
ELSE : 'else' ;
ENABLE_GRAD : 'enable_grad' ;
FALSE : 'false' ;
FN : 'fn' ;
FOR : 'for' ;
IF : 'if' ;
IMPORT : 'import' ;
IN : 'in' ;
LET : 'let' ;
MATCH : 'match' ;
MODULE : 'module' ;
MUT : 'mut' ;
NONE : 'none' ;
NOT : 'not' ;
NO_GRAD : 'no_grad' ;
OR : 'or' ;
RETURN : 'return' ;
TRUE : 'true' ;
VAR : 'var' ;
WHILE : 'while' ;

AS : 'as' ;
BUFFER : 'buffer' ;
DERIVATIVE : 'derivative' ;
EXPORT : 'export' ;
EXTERN : 'extern' ;
FROM : 'from' ;
LIST : 'list' ;
PARAM : 'param' ;
STEP : 'step' ;
TEST : 'test' ;

LPAREN : '(' ;
RPAREN : ')' ;
LBRACKET : '[' ;
RBRACKET : ']' ;
LBRACE : '{' ;
RBRACE : '}' ;
COMMA : ',' ;
COLON : ':' ;
SEMICOLON : ';' ;
ELLIPSIS : '...' ;
DOTDOT : '..' ;
DOT : '.' ;
ARROW : '->' ;
PIPE : '|>' ;
AMP : '&' ;
ADD_ASSIGN : '+=' ;
SUB_ASSIGN : '-=' ;
MUL_ASSIGN : '*=' ;
DIV_ASSIGN : '/=' ;
FLOORDIV_ASSIGN : '//=' ;
MOD_ASSIGN : '%=' ;
POW_ASSIGN : '**=' ;
MATMUL_ASSIGN : '@=' ;
EQ : '==' ;
NE : '!=' ;
LE : '<=' ;
GE : '>=' ;
LT : '<' ;
GT : '>' ;
ASSIGN : '=' ;
PLUS : '+' ;
MINUS : '-' ;
POWER : '**' ;
STAR : '*' ;
FLOORDIV : '//' ;
SLASH : '/' ;
PERCENT : '%' ;
AT : '@' ;

NAME : Letter (Letter | [\p{N}\p{M}])* ;
INT : Digits Suffix? | '0' ([xX] [0-9a-fA-F] [0-9a-fA-F_]* | [oO] [0-7] [0-7_]* | [bB] [01] [01_]*) ;
FLOAT : Digits ('.' Digits Exponent? | Exponent) Suffix? ;
BAD_NUMBER : Digits ('.' Digits)? (Letter | [\p{N}\p{M}])+ ;
STRING : '"' { scanString(); } ;
FOREIGN_STRING : '\'' ~['\r\n]* '\'' | '"""' .*? '"""' ;

NEWLINE : '\n' ;
COMMENT : '#' ~[\r\n]* ;
SPACE : [ \t\r\f]+ -> skip ;
OTHER : . ;

fragment Letter : [\p{L}_] ;
fragment Digits : [0-9] [0-9_]* ;
fragment Exponent : [eE] [+-]? Digits ;
fragment Suffix : 'f32' | 'f64' | 'bf16' | 'i32' | 'i64' | 'u8' ;
