-- The language server in Neovim (0.7 or later), without a plugin: dofile() or require() this from init.lua.
local function attach(args)
  local root = vim.fn.fnamemodify(args.file, ":p:h")
  if vim.lsp.start then
    vim.lsp.start({ name = "dl", cmd = { "dl", "lsp" }, root_dir = root })
  else
    vim.g.dl_lsp_client = vim.g.dl_lsp_client or vim.lsp.start_client({ name = "dl", cmd = { "dl", "lsp" }, root_dir = root })
    vim.lsp.buf_attach_client(args.buf, vim.g.dl_lsp_client)
  end
  local map = function(keys, action) vim.keymap.set("n", keys, action, { buffer = args.buf }) end
  map("K", vim.lsp.buf.hover)
  map("gd", vim.lsp.buf.definition)
  vim.bo[args.buf].omnifunc = "v:lua.vim.lsp.omnifunc"
end

vim.api.nvim_create_autocmd("FileType", { pattern = "dl", callback = attach })
