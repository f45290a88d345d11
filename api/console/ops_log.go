package console

import "github.com/ledgerboard/ledgerboard/internal/operator"

// logView is the log as its brokers describe it.
type logView struct {
	Topics []topicRow
}

func (logView) template() (name, title string) { return "ops-log", "The log" }

// topicRow is a topic with its sums.
type topicRow struct {
	operator.Topic

	Records    int64 // that are kept, of all partitions
	Leaderless int   // partitions without a leader
	Behind     int   // partitions with a replica that has not everything
	Replicas   int   // of the partition that has fewest
}

func (v *visit) opsLog() (view, error) {
	topics, err := get[[]operator.Topic](v, "/api/ops/log", nil)
	if err != nil {
		return nil, err
	}
	shown := logView{}
	for _, t := range topics {
		row := topicRow{Topic: t}
		for i, p := range t.Partitions {
			row.Records += p.End - p.Start
			if p.Leader < 0 {
				row.Leaderless++
			}
			if p.InSync < p.Replicas {
				row.Behind++
			}
			if i == 0 || p.Replicas < row.Replicas {
				row.Replicas = p.Replicas
			}
		}
		shown.Topics = append(shown.Topics, row)
	}
	return shown, nil
}
