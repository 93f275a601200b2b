" How dl is written: as `dl fmt` lays it out.
if exists("b:did_ftplugin")
  finish
endif
let b:did_ftplugin = 1

setlocal expandtab shiftwidth=2 softtabstop=2 textwidth=100
setlocal comments=:##,:# commentstring=#\ %s
setlocal formatoptions-=t formatoptions+=croql
setlocal cindent cinkeys=0{,0},0),0],!^F,o,O cinoptions=j1,(1s,m1,+0,L0
setlocal suffixesadd=.dl
if executable("dl")
  setlocal formatprg=dl\ fmt\ -
  setlocal makeprg=dl\ check\ %
  setlocal errorformat=%E%trror:\ %m,%C%*\\s-->\ %f:%l:%c,%-G%.%#
endif

let b:undo_ftplugin = "setlocal expandtab< shiftwidth< softtabstop< textwidth< comments< commentstring< formatoptions< cindent< cinkeys< cinoptions< suffixesadd< formatprg< makeprg< errorformat<"
