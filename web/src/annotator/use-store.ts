import { useSyncExternalStore } from "react";
import type { Store } from "@/data/store";

export function useStore<State extends object>(store: Store<State>): State {
  return useSyncExternalStore(store.subscribe, store.getState, store.getState);
}
