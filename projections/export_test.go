package projections

import "maps"

// Problem is what Status would tell if the database could be asked.
func (e *Engine) Problem() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sessions {
		if problem := s.sight().problem; problem != "" {
			return problem
		}
	}
	return e.problem
}

// FigurePayloads is what a batch of events tells.
func FigurePayloads(events []Event) ([]string, error) { return figurePayloads(figureChanges(events)) }

// NotFollowed are the reasons that the log gave for not following partitions. Status finds another log by
// itself too, which says nothing about what is folded.
func (e *Engine) NotFollowed() map[int32]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[int32]string{}
	for _, s := range e.sessions {
		maps.Copy(all, s.sight().stopped)
	}
	return all
}

// InBatchesOf sets how many records one poll brings at most, and one page of parked records.
func (e *Engine) InBatchesOf(n int) *Engine {
	e.maxRecords = n
	return e
}
