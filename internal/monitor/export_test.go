package monitor

// What is wrong, and the age from which a picture is not believed.
const (
	ClassBrokers = classBrokers
	StaleAfter   = staleAfter
)

// Fault is one thing that is wrong.
type Fault = fault

// Faults are all that is wrong.
func (m *Monitor) Faults() []Fault { return m.known() }
