/** The picture of a stream as it is now, for the picker and for the studio. */

/**
 * The thumbnail's address for a picture of that `size` (width, height, fit), at most `maxAgeMs` old: another address for a newer
 * picture, and the same one everywhere at a time, so that one answer serves all who look.
 */
export function pictureOf(thumbnail, size, maxAgeMs) {
  const address = new URL(thumbnail);
  for (const [name, value] of Object.entries(size)) address.searchParams.set(name, value);
  address.searchParams.set("at", Math.floor(Date.now() / maxAgeMs));
  return address.href;
}
