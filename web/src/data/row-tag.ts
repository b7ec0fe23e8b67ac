/** A name for what a row says, the same on both sides of the routes. */

/** An entity tag of the row without its id and its time of storing. The digest is the FNV-1a of Fowler, Noll and Vo, 64 bits. */
export function rowTag(row: object): string {
  const said = Object.entries(row).filter(([name]) => name !== "id" && name !== "created_at");
  said.sort(([left], [right]) => (left < right ? -1 : 1));
  let digest = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(JSON.stringify(said))) {
    digest = BigInt.asUintN(64, (digest ^ BigInt(byte)) * 0x100000001b3n);
  }
  return `"${digest.toString(16)}"`;
}
