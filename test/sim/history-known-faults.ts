export type FaultName = "month-ahead" | "dead-letters-outlive-erasure" | "shard-storage-outlives-erasure";
