package monitor

// The classes of faults, and the maximum age of the state.
const (
	ClassBrokers = classBrokers
	StaleAfter   = staleAfter
)

// Fault is one fault.
type Fault = fault

// Faults returns all faults.
func (m *Monitor) Faults() []Fault { return m.allFaults() }
