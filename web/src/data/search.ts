/** Search in columns that are in order of time. */

/** How many of the times are before `time`: the index of the first that is not. */
export function countBefore(times: ArrayLike<number>, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First and last index of the times in `[start, end]`; last is first - 1 where there are none. */
export function indexRange(times: ArrayLike<number>, start: number, end: number): [number, number] {
  return [countBefore(times, start), countBefore(times, end + 1) - 1];
}
