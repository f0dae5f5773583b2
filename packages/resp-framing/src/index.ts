export { encodeCommand, parseCommand } from "./command.js";
export { CommandScanner, type CommandScannerOptions } from "./command-scanner.js";
export { RespError, type RespErrorCode } from "./errors.js";
export { ReplyScanner, type ReplyScannerOptions } from "./reply-scanner.js";
