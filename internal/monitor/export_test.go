package monitor

// StaleAfter is the maximum age of the state.
const StaleAfter = staleAfter
