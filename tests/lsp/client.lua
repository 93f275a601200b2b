-- A session with the language server from inside a real editor: nvim --headless -u NONE -l does not exist in every
-- version, so this is run with `-c "luafile client.lua"`. Environment: DL_COMMAND, DL_SCRATCH (an empty folder).
local failures = {}

local function expect(condition, message)
  if not condition then
    table.insert(failures, message)
  end
end

local function finish()
  for _, message in ipairs(failures) do
    io.stderr:write("FAILED: " .. message .. "\n")
  end
  if #failures == 0 then
    io.stdout:write("language server: all good\n")
  end
  vim.cmd(#failures == 0 and "qall!" or "cquit!")
end

local folder = vim.env.DL_SCRATCH

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
  return folder .. "/" .. name
end

local published = {}
local exit_code

local function start()
  return vim.lsp.start_client({
    name = "dl",
    cmd = { vim.env.DL_COMMAND, "lsp" },
    root_dir = folder,
    on_exit = function(code) exit_code = code end,
    handlers = {
      ["textDocument/publishDiagnostics"] = function(_, result)
        published[result.uri] = result
        published.count = (published.count or 0) + 1
      end,
    },
  })
end

local client

-- Opens a file in a buffer that the server knows; returns the buffer.
local function open(path)
  vim.cmd("edit " .. path)
  local buffer = vim.api.nvim_get_current_buf()
  vim.lsp.buf_attach_client(buffer, client)
  return buffer
end

local function diagnostics(path, condition)
  local uri = vim.uri_from_fname(path)
  vim.wait(20000, function() return published[uri] and condition(published[uri].diagnostics) end, 10)
  return published[uri] and published[uri].diagnostics or {}
end

local function request(buffer, method, line, column, extra)
  local params = { textDocument = { uri = vim.uri_from_bufnr(buffer) } }
  if line then
    params.position = { line = line, character = column }
  end
  for key, value in pairs(extra or {}) do
    params[key] = value
  end
  local answers, problem = vim.lsp.buf_request_sync(buffer, method, params, 20000)
  if not answers or not answers[client] then
    expect(false, method .. " has no answer: " .. tostring(problem))
    return nil
  end
  expect(not answers[client].error, method .. ": " .. vim.inspect(answers[client].error))
  return answers[client].result
end

-- Line and column (UTF-16) of the n-th occurrence of a text in the buffer.
local function place(buffer, text, n)
  for i, line in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
    local from = 1
    while true do
      local at = line:find(text, from, true)
      if not at then break end
      n = (n or 1) - 1
      if n == 0 then
        local _, units = vim.str_utfindex(line, at - 1)
        return i - 1, units
      end
      from = at + 1
    end
  end
  error("no " .. text)
end

local function hover(buffer, text, n)
  local line, column = place(buffer, text, n)
  local result = request(buffer, "textDocument/hover", line, column)
  return result and result.contents and result.contents.value or ""
end

local function definition(buffer, text, n)
  local line, column = place(buffer, text, n)
  local result = request(buffer, "textDocument/definition", line, column)
  return result and result[1]
end

-- What may stand after the n-th occurrence of the text, as a table from label to item.
local function completion(buffer, text, n)
  local line, column = place(buffer, text, n)
  local result = request(buffer, "textDocument/completion", line, column + #text)
  local items = {}
  for _, item in ipairs(result and result.items or {}) do
    items[item.label] = item
  end
  return items
end

local function setText(buffer, text)
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(text, "\n"))
end

local function insert(buffer, line, column, text)
  vim.api.nvim_buf_set_text(buffer, line, column, line, column, { text })
end

local function main()
  client = start()
  expect(client, "the server does not start")

  write("helper.dl", "## Twice as much.\nfn twice(x) = 2.0 * x\n")
  local path = write("main.dl", [[
import helper
import nn

## Scales the rows.
fn scaled(x: f32[N, K], factor: f32 = 2.0) -> f32[N, K] {
  let inner = x * factor
  inner
}

module Net(n: int) {
  param weight = ones(n)
  let act = nn.Linear(n, 2)
  fn forward(x) = act(x * weight)
}

let data = ones(4, 3)
let net = Net(3)
let out = scaled(data, factor=0.5)
print(net(out).shape, helper.twice(1.0))
let 😀x = 1
]])
  local buffer = open(path)

  -- Diagnostics, with the emoji's line as it is: a character that is no letter.
  local found = diagnostics(path, function(list) return #list > 0 end)
  expect(#found >= 1 and found[1].range.start.line == 19, "the broken line is reported: " .. vim.inspect(found))
  expect(found[1] and found[1].code == "E0101" and found[1].source == "dl", "with its code")

  -- An incremental edit behind characters of two UTF-16 units.
  local last = vim.api.nvim_buf_line_count(buffer) - 1
  vim.api.nvim_buf_set_lines(buffer, 19, 20, false, { 'let text = "😀😀" # x' })
  expect(#diagnostics(path, function(list) return #list == 0 end) == 0, "the mended line is accepted")
  local column = #'let text = "😀😀"'
  vim.api.nvim_buf_set_text(buffer, 19, column, 19, column, { " + nobody" })
  found = diagnostics(path, function(list) return #list > 0 end)
  expect(#found == 1 and found[1].range.start.character == 20 and found[1].range["end"].character == 26,
    "columns are UTF-16: " .. vim.inspect(found))
  vim.api.nvim_buf_set_text(buffer, 19, column, 19, column + #" + nobody", { "" })
  diagnostics(path, function(list) return #list == 0 end)

  -- A shape error has its other places as related information.
  vim.api.nvim_buf_set_lines(buffer, 19, 20, false, { "let wrong = data @ data" })
  found = diagnostics(path, function(list) return #list == 1 end)
  expect(#found == 1 and found[1].code == "E0401" and #found[1].relatedInformation > 0,
    "related information: " .. vim.inspect(found))
  vim.api.nvim_buf_set_lines(buffer, 19, 20, false, {})
  diagnostics(path, function(list) return #list == 0 end)

  -- Hover.
  expect(hover(buffer, "inner"):find("inner: f32%[4, 3%]"), "the type of a variable: " .. hover(buffer, "inner"))
  expect(hover(buffer, "* factor"):find("x %* factor: f32%[4, 3%]"), "the type of an expression: " .. hover(buffer, "* factor"))
  local text = hover(buffer, "scaled(data")
  expect(text:find("fn scaled%(x: f32%[N, K%], factor: f32 = 2.0%)") and text:find("Scales the rows."), "signature and doc: " .. text)
  expect(hover(buffer, "ones"):find("fn ones"), "a builtin: " .. hover(buffer, "ones"))
  expect(hover(buffer, "weight)"):find("param weight: f32%[3%]"), "a member: " .. hover(buffer, "weight)"))
  expect(hover(buffer, "twice"):find("Twice as much"), "a function of another file: " .. hover(buffer, "twice"))

  -- Definitions.
  local at = definition(buffer, "scaled(data")
  expect(at and at.range.start.line == 4, "a function: " .. vim.inspect(at))
  at = definition(buffer, "inner", 2)
  expect(at and at.range.start.line == 5 and at.range.start.character == 6, "a variable: " .. vim.inspect(at))
  at = definition(buffer, "weight)")
  expect(at and at.range.start.line == 10, "a member: " .. vim.inspect(at))
  at = definition(buffer, "twice")
  expect(at and at.uri:find("helper.dl$") and at.range.start.line == 1, "another file: " .. vim.inspect(at))
  at = definition(buffer, "helper")
  expect(at and at.uri:find("helper.dl$"), "an import: " .. vim.inspect(at))
  at = definition(buffer, "Linear")
  expect(at and at.uri:find("stdlib/nn.dl$"), "the library: " .. vim.inspect(at))
  at = definition(buffer, "factor=")
  expect(at and at.range.start.line == 4, "a named argument: " .. vim.inspect(at))

  -- Completion, of text that does not parse yet.
  local function complete(line)
    local count = vim.api.nvim_buf_line_count(buffer)
    vim.api.nvim_buf_set_lines(buffer, count, count, false, { line })
    local result = request(buffer, "textDocument/completion", count, #line)
    vim.api.nvim_buf_set_lines(buffer, count, count + 1, false, {})
    local items = {}
    for _, item in ipairs(result and result.items or {}) do
      items[item.label] = item
    end
    return items
  end
  local items = complete("let y = net.")
  expect(items.weight and items.act and items.forward and not items["while"], "members: " .. vim.inspect(vim.tbl_keys(items)))
  items = complete("let y = nn.Li")
  expect(items.Linear and not items.Conv2d, "names in a file that begin so: " .. vim.inspect(vim.tbl_keys(items)))
  expect(items.Linear and items.Linear.detail:find("module Linear") and items.Linear.documentation, "with signature and doc")
  items = complete("data.")
  expect(items.shape and items.reshape and items.sum, "properties and methods of a tensor")
  items = complete("let z = ")
  expect(items.data and items.scaled and items["if"] and items.zeros and items.nn, "names and keywords")
  expect(items.data and items.data.detail == "let data: f32[4, 3]", "types of names: " .. vim.inspect(items.data))
  items = complete("scaled(data, f")
  expect(items["factor="], "named arguments: " .. vim.inspect(vim.tbl_keys(items)))
  items = complete("import he")
  expect(items.helper, "files: " .. vim.inspect(vim.tbl_keys(items)))
  items = complete("from nn import Lin")
  expect(items.Linear, "names to import: " .. vim.inspect(vim.tbl_keys(items)))
  expect(vim.tbl_isempty(complete("# net.")), "nothing in comments")
  local line = place(buffer, "inner", 2)
  items = request(buffer, "textDocument/completion", line, 2).items
  local names = {}
  for _, item in ipairs(items) do names[item.label] = item end
  expect(names.inner and names.factor and names.N, "parameters, variables and sizes around the place")

  -- What is called.
  local count = vim.api.nvim_buf_line_count(buffer)
  vim.api.nvim_buf_set_lines(buffer, count, count, false, { "scaled(data, " })
  local help = request(buffer, "textDocument/signatureHelp", count, #"scaled(data, ")
  expect(help and help.signatures[1] and help.signatures[1].label:find("fn scaled") and help.activeParameter == 1,
    "signature help: " .. vim.inspect(help))
  vim.api.nvim_buf_set_lines(buffer, count, count + 1, false, {})

  -- The outline.
  local symbols = request(buffer, "textDocument/documentSymbol")
  local outline = {}
  for _, symbol in ipairs(symbols or {}) do outline[symbol.name] = symbol end
  expect(outline.scaled and outline.Net and #outline.Net.children == 3, "outline: " .. vim.inspect(vim.tbl_keys(outline)))

  -- Formatting.
  local sloppy = write("sloppy.dl", "let  a=1 # 😀\nprint( a )")
  local other = open(sloppy)
  local edits = request(other, "textDocument/formatting", nil, nil, { options = { tabSize = 2, insertSpaces = true } })
  vim.lsp.util.apply_text_edits(edits or {}, other, "utf-16")
  local formatted = table.concat(vim.api.nvim_buf_get_lines(other, 0, -1, false), "\n")
  expect(formatted:find("let a = 1  # 😀\nprint%(a%)"), "formatted: " .. formatted)

  -- A buffer that is not saved counts for those that import it.
  local user = write("user.dl", "import helper\nprint(helper.thrice(1.0))\n")
  local userBuffer = open(user)
  expect(#diagnostics(user, function(list) return #list == 1 end) == 1, "the missing function is reported")
  local helperBuffer = open(folder .. "/helper.dl")
  vim.api.nvim_buf_set_lines(helperBuffer, 2, 2, false, { "fn thrice(x) = 3.0 * x" })
  vim.cmd("write")
  expect(#diagnostics(user, function(list) return #list == 0 end) == 0, "and known once the other buffer has it")

  -- Broken texts: the server must stay.
  for _, broken in ipairs({ "(((((", "fn f(", "let x = \"{a", "module M {", "x.", "import", "from", "fn f() = f(\n}", "🙂.", "\0",
    "let a: f32[", "for i in ", "a |> ", "test \"", "a[", "{{{", "print(1" }) do
    setText(userBuffer, (broken:gsub("%z", "")))
    local lines = vim.api.nvim_buf_get_lines(userBuffer, 0, -1, false)
    request(userBuffer, "textDocument/hover", 0, 1)
    request(userBuffer, "textDocument/completion", #lines - 1, #lines[#lines])
    request(userBuffer, "textDocument/signatureHelp", #lines - 1, #lines[#lines])
    request(userBuffer, "textDocument/documentSymbol")
    request(userBuffer, "textDocument/formatting", nil, nil, { options = { tabSize = 2, insertSpaces = true } })
  end
  expect(exit_code == nil, "the server is still there")

  vim.lsp.get_client_by_id(client).stop()
  vim.wait(10000, function() return exit_code ~= nil end, 10)
  expect(exit_code == 0, "the server ends with status 0, not " .. tostring(exit_code))
end

local ok, problem = xpcall(main, debug.traceback)
expect(ok, tostring(problem))
finish()
