/** Done; the doctor has found nothing wrong. */
export const EXIT_DONE = 0;
/** Something failed, or the doctor has found something. */
export const EXIT_FAILED = 1;
/** The command line cannot be meant like this. */
export const EXIT_USAGE = 2;
/** 128 + 2, what a shell shows for a process that Ctrl-C has ended. */
export const EXIT_INTERRUPTED = 130;
/** 128 + 15, what a shell shows for a process that SIGTERM has ended. */
export const EXIT_TERMINATED = 143;
