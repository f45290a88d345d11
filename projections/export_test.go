package projections

// Problem is what Status would tell if the database could be asked.
func (e *Engine) Problem() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.problem
}

// FigurePayloads is what a batch of events tells.
func FigurePayloads(events []Event) ([]string, error) { return figurePayloads(figureChanges(events)) }
