-- The file that was opened is known as dl, highlighted and set up, without an error on the way.
local ok, problem = pcall(function()
  vim.cmd("filetype plugin on")
  vim.cmd("syntax on")
  vim.cmd("runtime! ftdetect/dl.vim")
  vim.cmd("edit!")
  assert(vim.bo.filetype == "dl", "filetype is " .. vim.bo.filetype)
  assert(vim.bo.shiftwidth == 2, "the settings are not there")
  local function groupAt(text)
    local line = vim.fn.search([[\V]] .. text, "w")
    assert(line > 0, "no " .. text)
    return vim.fn.synIDattr(vim.fn.synID(line, vim.fn.col("."), 1), "name")
  end
  for text, group in pairs({ ["import nn"] = "dlDeclaration", ["module "] = "dlDeclaration", ["for "] = "dlControl" }) do
    assert(groupAt(text) == group, text .. " is " .. groupAt(text))
  end
end)
io.stdout:write(ok and "vim files: all good\n" or "FAILED: " .. tostring(problem) .. "\n")
vim.cmd("qall!")
