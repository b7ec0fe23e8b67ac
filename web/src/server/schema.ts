/** The tables of the annotator. Times of candles and annotations are Unix seconds UTC. */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Json, ModelPrediction } from "@/data/types";

const createdAt = () =>
  integer("created_at")
    .notNull()
    .default(sql`(unixepoch())`);

export const charts = sqliteTable("charts", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  name: text("name").notNull().unique(),
  pair: text("pair").notNull(),
  timeframe: text("timeframe").notNull(),
  created_at: createdAt(),
});

const chartId = () =>
  integer("chart_id")
    .notNull()
    .references(() => charts.id, { onDelete: "cascade" });

export const candles = sqliteTable(
  "candles",
  {
    chart_id: chartId(),
    time: integer("time").notNull(),
    open: real("open").notNull(),
    high: real("high").notNull(),
    low: real("low").notNull(),
    close: real("close").notNull(),
    volume: real("volume"),
  },
  (table) => [primaryKey({ columns: [table.chart_id, table.time] })],
);

/** Points, and lines: those have a geometry and are no training labels. */
export const annotations = sqliteTable(
  "annotations",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    chart_id: chartId(),
    timestamp: integer("timestamp").notNull(),
    label_type: text("label_type").notNull(),
    geometry: text("geometry", { mode: "json" }).$type<Json>(),
    created_at: createdAt(),
  },
  (table) => [index("annotations_by_chart").on(table.chart_id, table.timestamp)],
);

export const spanAnnotations = sqliteTable(
  "span_annotations",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    chart_id: chartId(),
    start_time: integer("start_time").notNull(),
    end_time: integer("end_time").notNull(),
    label: text("label").notNull(),
    confidence: real("confidence"),
    outcome: text("outcome", { enum: ["win", "loss", "breakeven"] }),
    notes: text("notes"),
    sub_spans: text("sub_spans", { mode: "json" }).$type<Json>(),
    color: text("color"),
    source: text("source").notNull().default("human"),
    model_prediction: text("model_prediction", { mode: "json" }).$type<ModelPrediction>(),
    created_at: createdAt(),
  },
  (table) => [index("span_annotations_by_chart").on(table.chart_id, table.start_time)],
);

export const spanLabelTypes = sqliteTable("span_label_types", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  name: text("name").notNull().unique(),
  display_name: text("display_name").notNull(),
  color: text("color").notNull(),
  hotkey: text("hotkey"),
  is_active: integer("is_active", { mode: "boolean" }).notNull().default(true),
  sort_order: integer("sort_order").notNull(),
});

/** Stretches that somebody has finished: nothing more is in them than what is annotated. */
export const reviewedRanges = sqliteTable(
  "reviewed_ranges",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    chart_id: chartId(),
    start_time: integer("start_time").notNull(),
    end_time: integer("end_time").notNull(),
    created_at: createdAt(),
  },
  (table) => [index("reviewed_ranges_by_chart").on(table.chart_id, table.start_time)],
);
