autocmd BufRead,BufNewFile *.dl setfiletype dl
