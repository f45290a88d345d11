package readmodels

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// AccountReach is the reach of one social account: people, rolling figures of the platform's own
// windows (Facebook page_total_media_view_unique, Instagram reach, LinkedIn uniqueImpressionsCount).
// They are shown as read, never summed and never subtracted.
type AccountReach struct {
	SocialAccount int64 `json:"social_account_id"`
	PlatformRef
	// Value is the figure of the window that is exactly the range; null when the platform has none.
	Value *int64 `json:"value"`
	// Windows are, of each window, the one that ends last in the range.
	Windows []ReachWindow `json:"windows"`
	// Series are the platform's figures of one day, for every day of the range.
	Series []ReachPoint `json:"series"`
}

// ReachWindow is one figure of reach.
type ReachWindow struct {
	Window       string    `json:"window"`  // the platform's name for it: day, week, days_28, …
	EndsOn       *string   `json:"ends_on"` // its last day, the platform's label; null: the platform gave none
	Value        int64     `json:"value"`
	SourceMetric string    `json:"source_metric"`
	CapturedAt   time.Time `json:"captured_at"`
}

// ReachPoint is the reach of one day.
type ReachPoint struct {
	Day   string `json:"day"`
	Value *int64 `json:"value"` // null: not read
}

// reachSettles is how long after a day readings are searched for its reach. It covers the platforms'
// corrections (days) and a back-fill of one call (90 days).
const reachSettles = 100

// farthestEast is how much earlier than in UTC a day begins in the zone farthest east.
const farthestEast = 14 * time.Hour

// windowDays is the length of a platform's window; 0 unknown.
func windowDays(window string) int {
	switch window {
	case "day":
		return 1
	case "week":
		return 7
	}
	if text, ok := strings.CutPrefix(window, "days_"); ok {
		if n, err := strconv.Atoi(text); err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// reach returns the reach of every account that has some in the range, by platform and id.
func (a *answering) reach(ctx context.Context, days []bucket) ([]AccountReach, error) {
	found, err := a.reachFigures(ctx)
	if err != nil {
		return nil, err
	}
	at := map[day]int{}
	for i, d := range days {
		if d.end > d.first { // of a day that the range cuts, a figure of the whole day says nothing
			at[d.day] = i
		}
	}
	first, end, whole := a.query.Range.wholeDays()
	accounts := []AccountReach{}
	for _, f := range found {
		n := len(accounts)
		if n == 0 || accounts[n-1].SocialAccount != f.social {
			accounts = append(accounts, newAccountReach(f, days))
			n++
		}
		a.uses(f.at)
		a.shows(f.social, domain.MetricReach)
		a.meets(f.social, f.account, f.platform, f.at)
		account := &accounts[n-1]
		account.see(f)
		length := windowDays(f.window)
		if f.endsOn == nil || length == 0 {
			continue
		}
		if whole && length == int(end-first) && *f.endsOn == end-1 {
			account.Value = &f.value
		}
		if i, ok := at[*f.endsOn]; ok && length == 1 {
			account.Series[i].Value = &f.value
		}
	}
	return accounts, nil
}

func newAccountReach(f reachFigure, days []bucket) AccountReach {
	account := AccountReach{SocialAccount: f.social, PlatformRef: platformRef(f.platform), Series: make([]ReachPoint, len(days))}
	for i, d := range days {
		account.Series[i].Day = d.day.String()
	}
	return account
}

// see keeps a window's last figure: they come by window and day.
func (r *AccountReach) see(f reachFigure) {
	w := ReachWindow{Window: f.window, Value: f.value, SourceMetric: f.source, CapturedAt: f.at}
	if f.endsOn != nil {
		w.EndsOn = ref(f.endsOn.String())
	}
	if n := len(r.Windows); n > 0 && r.Windows[n-1].Window == f.window {
		r.Windows[n-1] = w
		return
	}
	r.Windows = append(r.Windows, w)
}

type reachFigure struct {
	social   int64
	account  string
	platform domain.Platform
	window   string
	endsOn   *day
	point
}

// reachFigures reads, for every window that ends in the range, what the newest reading says of it;
// of windows without a day, the last reading in the range. They come from the raw readings, because
// account_daily keeps rolling figures by the day of capture, not by the platform's.
func (a *answering) reachFigures(ctx context.Context) ([]reachFigure, error) {
	r := a.query.Range
	first, end := r.labels()
	from := earlier(r.From, first.utc().Add(-farthestEast))
	to := later(r.To, (end + reachSettles).utc())
	rows, err := a.tx.Query(ctx, `
		with read as (
			select distinct social_account_id from account_daily
			where parent_account = $1 and metric = 'reach' and day between $6::date and $7::date
			  and ($2::text[] is null or account_id = any($2)) and p_id = any($3))
		select distinct on (r.p_id, r.social_account_id, win, f.day)
		       r.social_account_id, r.account_id, r.p_id, coalesce(f."window", '') as win,
		       coalesce(f.day, ''), f.value, r.captured_at, f.source
		from read
		join tSAccountIns r using (social_account_id)
		cross join lateral jsonb_to_recordset(r.figures) as f(name text, value bigint, source text, day text, "window" text)
		where r.captured_at >= $6 and r.captured_at < $7
		  and r.parent_account = $1 and ($2::text[] is null or r.account_id = any($2)) and r.p_id = any($3)
		  and f.name = 'reach'
		  and (f.day between $4 and $5 or f.day is null and r.captured_at >= $8 and r.captured_at < $9)
		order by r.p_id, r.social_account_id, win, f.day, r.captured_at desc, f.source`,
		a.scope.ParentAccount, a.scope.Accounts, a.platformIDs(), first.String(), (end - 1).String(), from, to, r.From, r.To)
	if err != nil {
		return nil, fmt.Errorf("read reach: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f reachFigure, err error) {
		var endsOn string
		err = row.Scan(&f.social, &f.account, &f.platform, &f.window, &endsOn, &f.value, &f.at, &f.source)
		if label, parseErr := time.Parse(time.DateOnly, endsOn); parseErr == nil {
			f.endsOn = ref(dayOf(label))
		}
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("read reach: %w", err)
	}
	return list, nil
}

func reachOn(p domain.Platform, reach []AccountReach) []AccountReach {
	var out []AccountReach
	for _, r := range reach {
		if r.Platform == p {
			out = append(out, r)
		}
	}
	return out
}
