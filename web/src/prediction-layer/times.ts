/** Search among rows that are in order of time. */

/** How many rows are before `time`: the index of the first that is not. */
export function countBefore<Row>(rows: readonly Row[], time: number, timeOf: (row: Row) => number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(rows[middle] as Row) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first row in the range, and of the first behind it. */
export function rowsWithin<Row extends { time: number }>(
  rows: readonly Row[],
  start: number,
  end: number,
): [number, number] {
  const timeOf = (row: Row) => row.time;
  return [countBefore(rows, start, timeOf), countBefore(rows, end + 1, timeOf)];
}
