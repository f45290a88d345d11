package readmodels

// MostCovered bounds the contents that are said again at a time, and the entities of each kind that are told again.
const MostCovered = 1000
