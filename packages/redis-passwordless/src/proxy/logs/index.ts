export { type LogFormat, type LogOptions, ProxyLog } from "./log.js";
export { LOG_LEVELS, type LogLevel, type Notice, type NoticeFields, type Trouble } from "./notice.js";
export { troubleOf } from "./trouble.js";
