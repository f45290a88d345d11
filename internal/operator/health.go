package operator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// HealthStatus is the health of a process in one word.
type HealthStatus string

// The statuses.
const (
	Ready    HealthStatus = "ready"     // there is nothing to report
	Degraded HealthStatus = "degraded"  // reads are served
	NotReady HealthStatus = "not_ready" // reads are not served
)

// Health is what a process can do now, and why it cannot do the rest. Everyone may see the answer of
// [Health.Public]; the rest is for operators.
type Health struct {
	Status HealthStatus `json:"status"` // "ready", "degraded" (reads are served) or "not_ready"
	// MayWrite is whether a change of a dashboard is accepted now.
	MayWrite bool          `json:"may_write"`
	Checks   []HealthCheck `json:"checks"` // conditions that do not concern a single projection
	// Projections is empty before the process has read their state.
	Projections []ProjectionHealth `json:"projections"`
	Pauses      []domain.Pause     `json:"pauses,omitempty"`   // current pauses; absent in public answers
	Readings    []ReadingPace      `json:"readings,omitempty"` // how this process reads platforms; absent in public answers
}

// HealthCheck is the result of one check.
type HealthCheck struct {
	Name    string         `json:"name"`              // what was checked
	OK      bool           `json:"ok"`                // whether the condition is met
	Reasons []HealthReason `json:"reasons,omitempty"` // why the condition is not met; absent if it is
}

// StopsReads reports whether the process serves no reads because of the check.
func (h HealthCheck) StopsReads() bool {
	return slices.ContainsFunc(h.Reasons, func(r HealthReason) bool { return slices.Contains(stopsReads, r.Code) })
}

// Text describes the reasons for operators.
func (h HealthCheck) Text() string { return TextOf(h.Reasons) }

// ProjectionHealth is the health of a projection.
type ProjectionHealth struct {
	Projection string `json:"projection"` // name of the projection
	Readable   bool   `json:"readable"`   // whether its tables can be read
	// Current is whether the tables contain what is in the log, except for the last moments; null if
	// it is not known.
	Current *bool          `json:"current"`
	Reasons []HealthReason `json:"reasons,omitempty"` // why not, and what else needs attention; the most important one first
	State   *Projection    `json:"state,omitempty"`   // latest state; absent in public answers, and if not known
}

// Text describes the reasons for operators.
func (p ProjectionHealth) Text() string { return TextOf(p.Reasons) }

// ReadingPace is how often the connections of a platform are read.
type ReadingPace struct {
	Platform string `json:"platform"` // name of the platform
	Kind     string `json:"kind"`     // "account_insights" or "post_insights"
	Slowed   bool   `json:"slowed"`   // whether the quota makes readings less frequent than configured
	// Pace is a sentence that says how often the least frequently read connections are read, and
	// what limits this rate.
	Pace string `json:"pace"`
}

// HealthReason is why a process or a projection is not healthy.
type HealthReason struct {
	Code   HealthCode        `json:"code"`             // kind of reason
	Params map[string]string `json:"params,omitempty"` // details; absent in public answers
}

// NewHealthReason returns a reason with details: names and values in turn. Empty values are absent.
func NewHealthReason(code HealthCode, params ...string) HealthReason {
	r := HealthReason{Code: code, Params: map[string]string{}}
	for i := 0; i < len(params); i += 2 {
		if params[i+1] != "" {
			r.Params[params[i]] = params[i+1]
		}
	}
	return r
}

// HealthCode is a kind of reason. Those of projections are labels of the metric ledgerboard_degraded.
type HealthCode string

// The reasons of checks.
const (
	HealthStarting         HealthCode = "starting"          // the process is opening the log and the database
	HealthStopping         HealthCode = "stopping"          // the process is about to end
	HealthNoAnswer         HealthCode = "no_answer"         // the check did not end in time
	HealthBrokers          HealthCode = "brokers"           // the brokers do not answer
	HealthAppendRefused    HealthCode = "append_refused"    // the brokers refuse records of a topic
	HealthTopicsUnsafe     HealthCode = "topics_unsafe"     // a topic has lost records, or could lose or split them
	HealthDatabase         HealthCode = "database"          // the database does not answer
	HealthPeopleUnknown    HealthCode = "people_unknown"    // it is not known who has left
	HealthAppBlocked       HealthCode = "app_blocked"       // a platform has switched off the app
	HealthVersionRefused   HealthCode = "version"           // a platform refuses the version of its API
	HealthVersionEnds      HealthCode = "version_ends"      // the version of a platform's API ends soon
	HealthVersionReplaced  HealthCode = "version_replaced"  // a platform answers with another version
	HealthPlatformsUnknown HealthCode = "platforms_unknown" // the state of the platforms' apps cannot be read
	HealthWithdrawnOld     HealthCode = "withdrawn_old"     // the list of withdrawn people cannot be read
	HealthPeopleOld        HealthCode = "people_old"        // statuses of people cannot be read
)

// The reasons of projections, and of all of them.
const (
	HealthReadOnly     HealthCode = "read_only"     // the database accepts no changes
	HealthStateUnknown HealthCode = "state_unknown" // the state was not read, or not for some seconds
	HealthTablesLost   HealthCode = "tables_lost"   // tables of the service itself are missing
	HealthTablesGone   HealthCode = "tables_gone"   // tables of the projection were dropped
	HealthBuilding     HealthCode = "building"      // the tables are being built
	HealthWaitsBuild   HealthCode = "not_built"     // the tables must be built, but no process does so
	HealthCatchingUp   HealthCode = "catching_up"   // the tables lack records that were in the log at startup
	HealthOtherLog     HealthCode = "other_log"     // a partition does not follow the log
	HealthSetBack      HealthCode = "set_back"      // the tables were reset to an earlier state
	HealthUnfolded     HealthCode = "unfolded"      // no process folds the tables
	HealthStandsStill  HealthCode = "stands_still"  // far behind without progress
	HealthLagging      HealthCode = "lagging"       // behind without progress
	HealthPaused       HealthCode = "paused"        // an operator has paused the projection
	HealthDeadLetters  HealthCode = "dead_letters"  // events could not be folded
	HealthBuildStuck   HealthCode = "build_stuck"   // a build fails again and again in the same way
	HealthProblem      HealthCode = "problem"       // this process cannot fold the projection
)

// stopsReads are the reasons of checks with which a process serves no reads.
var stopsReads = []HealthCode{HealthStarting, HealthStopping, HealthNoAnswer, HealthDatabase}

// NewHealth returns the health of a process with these checks and projections. reads is whether the
// process needs the projections.
func NewHealth(checks []HealthCheck, projections []ProjectionHealth, reads bool) Health {
	h := Health{Status: Ready, MayWrite: true, Checks: checks, Projections: projections}
	unready := func(is bool) {
		switch {
		case is:
			h.Status, h.MayWrite = NotReady, false
		case h.Status == Ready:
			h.Status = Degraded
		}
	}
	for _, check := range checks {
		if !check.OK {
			unready(check.StopsReads())
		}
		h.MayWrite = h.MayWrite && !slices.ContainsFunc(check.Reasons, HealthReason.stopsWrites)
	}
	for _, p := range projections {
		if !p.Readable || len(p.Reasons) > 0 {
			unready(!p.Readable && reads)
		}
	}
	return h
}

// stopsWrites reports whether no dashboard can be changed.
func (h HealthReason) stopsWrites() bool {
	switch h.Code {
	case HealthAppendRefused:
		return h.Params["topic"] == domain.TopicDashboards
	default:
		return slices.Contains(stopsReads, h.Code) || h.Code == HealthBrokers || h.Code == HealthPeopleUnknown
	}
}

// Public returns what everyone may see: states and codes, without details.
func (h Health) Public() Health {
	bare := func(reasons []HealthReason) (codes []HealthReason) {
		for _, r := range reasons {
			codes = append(codes, HealthReason{Code: r.Code})
		}
		return codes
	}
	public := Health{Status: h.Status, MayWrite: h.MayWrite, Checks: slices.Clone(h.Checks), Projections: slices.Clone(h.Projections)}
	for i, c := range public.Checks {
		public.Checks[i].Reasons = bare(c.Reasons)
	}
	for i, p := range public.Projections {
		public.Projections[i].Reasons, public.Projections[i].State = bare(p.Reasons), nil
	}
	return public
}

// TextOf describes reasons for operators.
func TextOf(reasons []HealthReason) string {
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = r.Text()
	}
	return strings.Join(texts, "; ")
}

// Text describes the reason, without its period. Details that are absent are left out.
func (h HealthReason) Text() string {
	p := h.Params
	with := h.with
	switch h.Code {
	case HealthStarting:
		return cmp.Or(p["wait"], "the process is opening the log and the database")
	case HealthStopping:
		return "the process is stopping"
	case HealthNoAnswer:
		return "did not answer in time"
	case HealthBrokers:
		return "The brokers do not answer"
	case HealthAppendRefused:
		return "the brokers refuse records of " + cmp.Or(with("topic %s", "topic"), "a topic") + with(": %s", "error")
	case HealthTopicsUnsafe:
		return "a topic has unsafe settings or has lost records: 'ledgerboard log' shows what is wrong and how to fix it"
	case HealthDatabase:
		if p["advice"] != "" {
			return "no connection to the database: " + p["advice"]
		}
		return "The database does not answer"
	case HealthPeopleUnknown:
		until, again := "they are processed", ". Try again shortly"
		if p["paused"] != "" {
			until, again = "an operator resumes the processing", ""
		}
		return "Changes to people and accounts have been waiting for more than a minute to be processed, so it is not known " +
			"who has left. Until " + until + ", nothing can be changed or connected, and histories cannot be read" + again
	case HealthAppBlocked, HealthVersionRefused:
		return with("%s: ", "platforms") + strings.TrimSuffix(domain.OperatorText(domain.StatusCode(h.Code)), ".")
	case HealthVersionEnds:
		return "version " + with("%s ", "version") + with("of the %s API ", "api") + "ends" + with(" about %s", "ends") +
			with(" (days left: %s)", "days") + ". " + upgradeOr(p["setting"])
	case HealthVersionReplaced:
		return with("the %s API answers", "api") + with(" with version %s", "served") + with(" instead of %s, which has probably ended", "version") +
			". " + upgradeOr(p["setting"])
	case HealthPlatformsUnknown:
		return "it is not known whether a platform has switched off an app, and which versions of the platforms' APIs are used: " +
			cmp.Or(p["advice"], "schema kept cannot be read")
	case HealthWithdrawnOld:
		return "the list of withdrawn people (LEDGERBOARD_WITHDRAWN), or whom it names, cannot be read, so the previous list is used"
	case HealthPeopleOld:
		return "the directory of people does not answer, so statuses that are up to a minute old are used"
	default:
		return h.projectionText()
	}
}

// projectionText is [HealthReason.Text] for the reasons of projections.
func (h HealthReason) projectionText() string {
	p := h.Params
	model := strings.TrimSpace("Read model " + p["projection"])
	events := cmp.Or(eventsIn(p["events"]), "events")
	with := h.with
	switch h.Code {
	case HealthReadOnly:
		return "The database accepts no changes: it is read-only, for example during maintenance or because a disk is full"
	case HealthStateUnknown:
		return "The state of the read models is not known yet"
	case HealthTablesLost:
		return "Tables of this service are missing from the database. " +
			"An operator must restore them or restart every process, which rebuilds missing tables from the log"
	case HealthTablesGone:
		remedy := "They are rebuilt from the log. If that does not begin within seconds, start a process with the role projector"
		if p["paused"] != "" {
			remedy = "They are rebuilt from the log once an operator resumes the read model, which is paused"
		}
		return model + " cannot be read: tables are missing from the database" + with(" (%s)", "tables") + ". " + remedy
	case HealthBuilding:
		return model + " cannot be read yet: " + rebuilt(p) + "building" + with(" %s", "projection") + with(", %s%", "percent") +
			with(", %s left", "left") + ". Try again shortly"
	case HealthWaitsBuild:
		if p["paused"] != "" {
			return model + " cannot be read yet: " + rebuilt(p) + "the build waits until an operator resumes the read model"
		}
		return model + " cannot be read yet: no process builds it for this version of the program. Start a process with the role projector"
	case HealthCatchingUp:
		return model + " is catching up with the log" + with(" ("+events+" to go)", "events") + ". Try again shortly"
	case HealthOtherLog:
		return model + with(" cannot be read: it", "unread") + " does not follow the log" +
			with(" (partition %s", "partition") + with(": %s)", "stopped") + ". An operator must fix that"
	case HealthSetBack:
		return model + " was reset to an earlier state together with its database and is catching up" +
			with(" ("+events+" to go)", "events") + ". Try again shortly"
	case HealthUnfolded:
		remedy := "Start a process with the role projector; if one runs, its log says why it cannot"
		if p["problem"] != "" {
			remedy = "This process cannot, and its log says why"
		}
		return model + " is not folded by any process" + with(" (generation %s)", "generation") + ". " + remedy
	case HealthStandsStill:
		return model + " is " + events + " behind" + behind(p) + ". Try again shortly"
	case HealthLagging:
		return model + " is " + events + " behind" + behind(p)
	case HealthPaused:
		return model + " is paused by an operator and shows no new events until it is resumed"
	case HealthDeadLetters:
		return model + " has " + strings.Replace(events, "event", "dead letter", 1) +
			" that an operator must review: 'ledgerboard dead-letters' lists them"
	case HealthBuildStuck:
		return model + " cannot be rebuilt: " + WaitsStuck.Text()
	case HealthProblem:
		return model + " cannot be folded by this process. The log output of the process says why"
	default: // of a newer program
		return strings.ReplaceAll(string(h.Code), "_", " ")
	}
}

// with returns a text with a detail; "" if the detail is absent.
func (h HealthReason) with(format, param string) string {
	if h.Params[param] == "" {
		return ""
	}
	return strings.Replace(format, "%s", h.Params[param], 1)
}

func eventsIn(n string) string {
	switch n {
	case "":
		return ""
	case "1":
		return "1 event"
	default:
		return n + " events"
	}
}

func upgradeOr(setting string) string {
	if setting == "" {
		return "Upgrade ledgerboard"
	}
	return "Upgrade ledgerboard, or set " + setting + " to a newer version"
}

func rebuilt(p map[string]string) string {
	if p["rebuilding"] == "" {
		return ""
	}
	return "its tables were missing or too old to use, so they are being rebuilt from the log: "
}

func behind(p map[string]string) string {
	if p["resumed"] != "" {
		return " after a pause"
	}
	return " and makes no progress"
}

// Refusal is the error of a request that fails for this reason.
func (h HealthReason) Refusal(retryAfter int) error {
	text := h.Text() + ". Nothing was changed."
	switch h.Code {
	case HealthPaused:
		text = "Changes are not accepted now, because an operator has paused them. Nothing was changed."
	case HealthPeopleUnknown:
		text = h.Text() + "."
	case HealthStateUnknown:
		text += " Try again shortly."
	}
	return &domain.Error{Code: domain.CodeUnavailable, RetryAfter: retryAfter, Message: text}
}

// Flag is a param that only says yes; "" for no.
func Flag(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

// FormatLeft formats the remaining time of a build.
func FormatLeft(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	default:
		return fmt.Sprintf("%d h", int(d.Hours()+0.5))
	}
}
