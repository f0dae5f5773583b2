/** What is done with a command before the ones behind it. */
export type Plan =
  | { readonly kind: "send" }
  /** It is sent, and this comes right behind it; `hasBegunHere`: its transaction began in the same write. */
  | { readonly kind: "then"; readonly run: (hasBegunHere: boolean) => void }
  /** It is not sent: the client gets this in its turn. */
  | { readonly kind: "answer"; readonly reply: () => Buffer | undefined }
  /** It is not sent, and the client gets nothing. */
  | { readonly kind: "drop" }
  /** It is sent, and its reply is looked at. */
  | { readonly kind: "look"; readonly onReply: (frame: Buffer) => Buffer | undefined }
  /** This comes first, and sends the command itself or puts it in front of what is held. */
  | { readonly kind: "first"; readonly run: () => Promise<void> };

export const SEND: Plan = { kind: "send" };
