const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether the text is a GUID, as Entra ID writes tenant, client and object IDs. */
export function isGuid(text: string): boolean {
  return GUID.test(text);
}
