export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
/** 128 + 15, what a shell shows for a process that SIGTERM has ended. */
export const EXIT_TERMINATED = 143;
