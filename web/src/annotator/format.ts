/** Numbers and times as people read them. Times are UTC. */

/** `2024-01-31` for a candle that opens at midnight, else `2024-01-31 14:00`. */
export function timeText(time: number): string {
  const text = new Date(time * 1000).toISOString();
  return time % 86_400 === 0 ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ");
}

/** `2024-01-31 14:00`, of Unix seconds or an ISO time. */
export function momentText(moment: number | string): string {
  const date = new Date(typeof moment === "number" ? moment * 1000 : moment);
  return Number.isNaN(date.getTime()) ? String(moment) : date.toISOString().slice(0, 16).replace("T", " ");
}

export function percentText(share: number | null | undefined): string {
  return share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`;
}

/** The digits behind the point that prices need: five figures, at least two of them behind the point. */
export function pricePrecision(candles: readonly { close: number }[]): number {
  const price = candles.reduce((most, candle) => Math.max(most, candle.close), 0) || 1;
  return Math.max(2, Math.min(8, 4 - Math.floor(Math.log10(price))));
}
