/** Thumbnails of running streams, for the picker and the studio. */

/**
 * Return the thumbnail's address for a `size` (width, height, fit). The address changes every `maxAgeMs` and is the same in all
 * browsers at a time, so that caches can serve it.
 */
export function pictureOf(thumbnail, size, maxAgeMs) {
  const address = new URL(thumbnail);
  for (const [name, value] of Object.entries(size)) address.searchParams.set(name, value);
  address.searchParams.set("at", Math.floor(Date.now() / maxAgeMs));
  return address.href;
}
