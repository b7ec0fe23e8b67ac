/** The database file, opened by the first request that needs it: a build must be able to import every route. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { createClient, type Client } from "@libsql/client";
import { drizzle, type LibSQLDatabase } from "drizzle-orm/libsql";
import { migrate } from "drizzle-orm/libsql/migrator";
import * as schema from "./schema";

export type Database = LibSQLDatabase<typeof schema> & { $client: Client };

const shared = globalThis as { annotatorDatabase?: Promise<Database>; annotatorWriting?: Promise<unknown> };

/** The database named by `ANNOTATOR_DATABASE` (a path; `data/annotator.db` without it), with its tables up to date. */
export function database(): Promise<Database> {
  shared.annotatorDatabase ??= openDatabase(process.env["ANNOTATOR_DATABASE"] ?? "data/annotator.db").catch(
    (error: unknown) => {
      delete shared.annotatorDatabase;
      throw error;
    },
  );
  return shared.annotatorDatabase;
}

/** One after the other, so that what the work has read is still so when it writes. */
export function writing<Result>(work: (db: Database) => Promise<Result>): Promise<Result> {
  const result = (shared.annotatorWriting ?? Promise.resolve()).then(async () => work(await database()));
  shared.annotatorWriting = result.catch(() => undefined);
  return result;
}

export async function openDatabase(file: string): Promise<Database> {
  const absolute = path.resolve(/* turbopackIgnore: true */ process.cwd(), file);
  mkdirSync(path.dirname(absolute), { recursive: true });
  const client = createClient({ url: `file:${absolute}` });
  await client.executeMultiple("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;");
  const db = drizzle(client, { schema });
  await migrate(db, { migrationsFolder: path.join(process.cwd(), "migrations") });
  return db;
}
