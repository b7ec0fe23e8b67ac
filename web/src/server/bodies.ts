/** What the bodies of requests must look like. */
import { z } from "zod";
import { isTimeframe, LONGEST_PAIR } from "@/data/series";

const LATEST_TIME = 253_402_300_799;

const time = z.int().min(0).max(LATEST_TIME);
const id = z.int().positive();
const label = z.string().trim().min(1).max(100).regex(/^[^\p{Cc}]*$/u, "one line of text");
const json = z.json().transform((value) => value);
const color = z.string().regex(/^[#\w(),.% -]{1,50}$/, "a CSS colour such as #26a69a");

const modelPrediction = z.object({
  label,
  confidence: z.number().min(0).max(1),
  model_version: z.string().max(100),
});

const spanDetails = {
  confidence: z.number().min(0).max(5).nullish(),
  outcome: z.enum(["win", "loss", "breakeven"]).nullish(),
  notes: z.string().max(10_000).nullish(),
  sub_spans: json.nullish(),
  color: color.nullish(),
  source: z.string().trim().min(1).max(100).optional(),
  model_prediction: modelPrediction.nullish(),
};

export const newSpan = z.object({ chart_id: id, start_time: time, end_time: time, label, ...spanDetails });

export const changedSpan = z
  .object({ start_time: time.optional(), end_time: time.optional(), label: label.optional(), ...spanDetails })
  .refine((change) => Object.keys(change).length > 0, "name at least one field to change");

export const newPoint = z.object({
  timestamp: time,
  label_type: label,
  geometry: json.nullish(),
  chart_id: id.optional(),
});

export const changedPoint = z
  .object({ timestamp: time.optional(), label_type: label.optional(), geometry: json.nullish() })
  .refine((change) => Object.keys(change).length > 0, "name at least one field to change");

const labelName = z
  .string()
  .regex(/^[A-Za-z][\w-]{0,63}$/, "a letter, then letters, digits, _ or -")
  .refine((name) => name !== "O", 'another name: "O" means no pattern');

const labelDetails = {
  display_name: label.optional(),
  hotkey: z
    .string()
    .regex(/^[0-9]$/, "one digit")
    .nullish(),
  sort_order: z.int().optional(),
};

export const newLabelType = z.object({
  name: labelName,
  color: color.default("#78909c"),
  is_active: z.boolean().default(true),
  ...labelDetails,
});

export const changedLabelType = z
  .object({ name: labelName.optional(), color: color.optional(), is_active: z.boolean().optional(), ...labelDetails })
  .refine((change) => Object.keys(change).length > 0, "name at least one field to change");

export const newRange = z.object({ chart_id: id.optional(), start_time: time, end_time: time });

export const changedChart = z
  .object({
    name: label.optional(),
    pair: label.pipe(z.string().max(LONGEST_PAIR, `at most ${LONGEST_PAIR} characters`)).optional(),
    timeframe: z.string().refine(isTimeframe, "a number and one of s, m, h, d, w, M, such as 15m or 1d").optional(),
  })
  .refine((change) => Object.keys(change).length > 0, "name at least one field to change");

export type NewSpan = z.output<typeof newSpan>;
export type ChangedSpan = z.output<typeof changedSpan>;
export type NewPoint = z.output<typeof newPoint>;
export type ChangedPoint = z.output<typeof changedPoint>;
export type NewLabelType = z.output<typeof newLabelType>;
export type ChangedLabelType = z.output<typeof changedLabelType>;
export type NewRange = z.output<typeof newRange>;
export type ChangedChart = z.output<typeof changedChart>;
