package domain

// ComputedRow is the row id of an account that was made here, by its id: the main application's stay below 2^52.
func ComputedRow(account string) int64 { return computed(KindAccount, account) }
