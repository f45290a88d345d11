package console

import "github.com/ledgerboard/ledgerboard/internal/operator"

// maxJobsShown is how many jobs of a kind stand on a page.
const maxJobsShown = 100

// jobsView is the jobs of the fetchers: what failed first.
type jobsView struct {
	Failing []operator.Job
	Others  []operator.Job
	Left    int // that are not shown
}

func (jobsView) template() (name, title string) { return "ops-jobs", "Jobs" }

func (v *visit) jobs() (view, error) {
	jobs, err := get[[]operator.Job](v, "/api/ops/jobs", nil)
	if err != nil {
		return nil, err
	}
	shown := jobsView{Failing: failing(jobs)}
	for _, j := range jobs {
		switch {
		case hasFailed(j):
		case len(shown.Others) < maxJobsShown:
			shown.Others = append(shown.Others, j)
		default:
			shown.Left++
		}
	}
	if over := len(shown.Failing) - maxJobsShown; over > 0 {
		shown.Failing, shown.Left = shown.Failing[:maxJobsShown], shown.Left+over
	}
	return shown, nil
}

// failing are the jobs that wait for another try, or were given up.
func failing(jobs []operator.Job) (failed []operator.Job) {
	for _, j := range jobs {
		if hasFailed(j) {
			failed = append(failed, j)
		}
	}
	return failed
}

func hasFailed(j operator.Job) bool { return j.State == "retryable" || j.State == "discarded" }

// jobName says what a kind of job does.
func jobName(kind string) string {
	switch kind {
	case "claim_due":
		return "look for what is due"
	case "read_claimed":
		return "read an account"
	}
	return plain(kind)
}
