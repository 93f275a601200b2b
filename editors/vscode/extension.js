// Starts `dl lsp` and hands the editor's questions to it.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function command() {
  return vscode.workspace.getConfiguration("dl").get("path", "dl");
}

async function start() {
  const server = { command: command(), args: ["lsp"] };
  client = new LanguageClient("dl", "dl", server, { documentSelector: [{ language: "dl" }] });
  try {
    await client.start();
  } catch (problem) {
    vscode.window.showErrorMessage(`dl: ${server.command} lsp does not start: ${problem.message}. Set dl.path to the dl command.`);
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running) await running.stop();
}

function runFile() {
  const document = vscode.window.activeTextEditor?.document;
  if (!document || document.languageId !== "dl") return;
  const run = new vscode.ShellExecution(command(), ["run", document.fileName]);
  const task = new vscode.Task({ type: "dl" }, vscode.TaskScope.Workspace, "run", "dl", run);
  document.save().then(() => vscode.tasks.executeTask(task));
}

exports.activate = async function (context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("dl.restartServer", async () => {
      await stop();
      await start();
    }),
    vscode.commands.registerCommand("dl.runFile", runFile),
  );
  await start();
};

exports.deactivate = stop;
