/** What one statement may carry: D1 takes 2 MB of text, and has 30 s for all of it. */
const ITEMS_MAX = 5_000;
const BYTES_MAX = 1_000_000;
/** The brackets around all items. */
const BRACKETS_BYTES = 2;

const utf8 = new TextEncoder();

/**
 * Cuts items into parts, in order, none of which has more than {@link BYTES_MAX} bytes as a JSON
 * array (or more than `itemsMax` items). An item is weighed as its own JSON, names of fields and
 * all: whatever encodes it more briefly stays below.
 */
export function* statementParts<T>(items: readonly T[], itemsMax = ITEMS_MAX): Generator<readonly T[]> {
  let from = 0;
  let bytes = BRACKETS_BYTES;
  for (const [index, item] of items.entries()) {
    const itemBytes = utf8.encode(JSON.stringify(item)).byteLength + 1;
    if (index > from && (index - from >= itemsMax || bytes + itemBytes > BYTES_MAX)) {
      yield items.slice(from, index);
      from = index;
      bytes = BRACKETS_BYTES;
    }
    bytes += itemBytes;
  }
  if (from < items.length) yield items.slice(from);
}
