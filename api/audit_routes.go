package api

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

type audit struct {
	*AuditDeps

	logger *slog.Logger
}

func (a *audit) routes() []Operation {
	get := func(pattern, id string, op operation) Operation {
		op.audit = true
		return Operation{http.MethodGet, pattern, id, []Role{RoleAgency, RoleAuditor}, op}
	}
	const dashboard = patternDashboard
	return []Operation{
		get(dashboard+"/history", "getDashboardHistory",
			showing(a, domain.AuditHistory, parseDashboardHistory, a.History.Entries)),
		get(dashboard+"/state", "getDashboardState", showing(a, domain.AuditState, parseState, a.History.State)),
		get(dashboard+"/diff", "getDashboardDiff", showing(a, domain.AuditDiff, parseDiff, a.History.Diff)),
		get(dashboard+"/access", "getDashboardAccess", showing(a, domain.AuditAccess, parseAccess, a.History.Access)),
		get("/api/audit/history", "getAuditHistory", showing(a, domain.AuditHistory, parseHistory, a.History.Entries)),
		get("/api/audit/diff", "getAuditDiff", showing(a, domain.AuditDiff, parseDiffs, a.History.Diffs)),
		get(patternExport, "getAuditExport", reading(parseExport, a.exportHistory)),
		get("/api/audit/access", "getAuditAccess", showing(a, domain.AuditAccess, parseSpans, a.History.Spans)),
		get(patternAccess, "getAuditAccessExport", reading(parseSpansExport, a.exportSpans)),
		get("/api/audit/checkpoints", "getAuditCheckpoints", listing((*Params).Page, a.checkpoints)),
		get(patternBundle, "getAuditBundle", reading(parseBundle, a.exportBundle)),
		get("/api/audit/reads", "getAuditReads", listing(parseAuditReads, a.auditReads)),
	}
}

// auditor returns the caller of these routes for the record. A caller with both roles is recorded
// as an auditor, the role with fewer rights.
func auditor(r *http.Request) commands.Caller {
	if p, _ := PrincipalFrom(r.Context()); p.Roles.Has(RoleAuditor) {
		return caller(r, RoleAuditor)
	}
	return caller(r, RoleAgency)
}

// showing returns the operation of an audit query. If the read cannot be recorded, it returns no
// data.
func showing[R any, M interface{ IncludedVersion() int64 }](
	a *audit, what string, parse func(*Params) history.Query,
	query func(context.Context, history.Query) (R, M, error),
) operation {
	op := reading(parse, func(w http.ResponseWriter, r *http.Request, q history.Query) error {
		data, meta, err := query(r.Context(), q)
		if err != nil {
			return err
		}
		record := domain.AuditRead{
			What: what, Dashboard: q.Dashboard, AsOf: meta.IncludedVersion(), Filter: a.upToNow(filterOf(what, q)),
		}
		if err := a.Records.RecordRead(r.Context(), auditor(r), record); err != nil {
			return err
		}
		return writeData(w, data, meta)
	})
	op.Answer.Data, op.Answer.Meta = reflect.TypeFor[R](), reflect.TypeFor[M]()
	return op
}

// upToNow replaces ends in the future, such as that of today, by now: a view or file contains no
// later changes.
func (a *audit) upToNow(f domain.AuditFilter) domain.AuditFilter {
	now := a.Records.Now().UTC()
	for _, end := range []*string{&f.At, &f.To} {
		if at, err := time.Parse(time.RFC3339Nano, *end); err == nil && at.After(now) { // not a version
			*end = history.Moment{Time: now}.String()
		}
	}
	return f
}

// auditReads returns who read or exported the audit trail, newest first. Reading this list is not
// recorded: every read would make it longer, and it contains nothing about a dashboard.
func (a *audit) auditReads(
	r *http.Request, q history.Query,
) (entries []history.AuditReadEntry, meta history.AuditReadsMeta, err error) {
	return a.History.Reads(r.Context(), q)
}

// AuditDeps contains the dependencies of the auditors' routes.
type AuditDeps struct {
	History HistoryReader
	Records *commands.Audit // records every read before the response is sent
	Proofs  Prover

	maxExport int // maximum number of entries of an export; 0 means maxExport
}

// HistoryReader runs the queries of auditors; *history.History implements it. If a dashboard has
// no history in the agency, methods return [domain.ErrDashboardNotFound], even if another agency
// owns it.
type HistoryReader interface {
	Entries(ctx context.Context, q history.Query) ([]history.HistoryEntry, history.EntriesMeta, error)
	State(ctx context.Context, q history.Query) (history.StateAnswer, history.HistoryMeta, error)
	Diff(ctx context.Context, q history.Query) (history.DiffAnswer, history.HistoryMeta, error)
	// Diffs returns the differences between two moments, for all dashboards of an agency that
	// changed.
	Diffs(ctx context.Context, q history.Query) ([]history.DiffAnswer, history.HistoryMeta, error)
	Access(ctx context.Context, q history.Query) (history.AccessAnswer, history.HistoryMeta, error)
	// Spans returns a page of who had access to any dashboard of an agency.
	Spans(ctx context.Context, q history.Query) ([]history.AccessSpan, history.SpansMeta, error)
	// Reads returns a page of the reads of the audit trail.
	Reads(ctx context.Context, q history.Query) ([]history.AuditReadEntry, history.AuditReadsMeta, error)
}

const spansByDashboard, spansByUser = "dashboard", "user"

func parseSpans(p *Params) history.Query {
	page := p.Page()
	q := spansOf(p)
	q.Limit, q.Cursor = page.Limit, page.Cursor
	return q
}

func parseSpansExport(p *Params) exportQuery {
	format, cursor := p.word(paramFormat), p.cursor(paramCursor)
	q := spansOf(p)
	q.Cursor = cursor
	return exportQuery{format, p.spreadsheet(format), q}
}

func spansOf(p *Params) history.Query {
	q := history.Query{ParentAccount: p.caller.AccountID, At: p.moment(paramSpanAt, false)}
	q.From, q.To = p.edges()
	q.User, q.Dashboard, q.ByUser = p.hex(paramSpanUser), p.hex(paramOnlyDashboard), p.word(paramSpanBy) == spansByUser
	if q.At != (history.Moment{}) && (!q.From.IsZero() || !q.To.IsZero()) {
		p.bad.Addf(paramSpanAt.Name, "cannot be combined with from or to: send the instant or the range")
	}
	return q
}

// Prover returns evidence that auditors verify themselves; *proof.Prover implements it. Errors for
// people are [domain.Error]s.
type Prover interface {
	// Checkpoints returns the checkpoints with a valid signature, oldest first.
	Checkpoints(ctx context.Context) ([]proof.Published, error)
	// Bundle writes the proof bundle of an agency that leads to a checkpoint; "" for the newest.
	Bundle(ctx context.Context, parent, checkpoint string, out io.Writer) (proof.Exported, error)
}

// CheckpointEntry is a signed statement about the log as a whole; it names no agency.
type CheckpointEntry struct {
	ID      string    `json:"id"`      // SHA-256 of the text, 64 hex digits
	Time    time.Time `json:"time"`    // When it was signed, by the signer's clock.
	Records int64     `json:"records"` // Number of records that it covers, of all agencies.
	Note    string    `json:"note"`    // The signed statement, verbatim: verify and keep it.
}

// checkpoints lists the checkpoints, newest first. Reading them is not recorded: they contain
// nothing about an agency.
func (a *audit) checkpoints(
	r *http.Request, page readmodels.Page,
) (entries []CheckpointEntry, meta readmodels.ListMeta, err error) {
	cursors := readmodels.CursorScope{List: "checkpoints"}
	after, err := readmodels.DecodeCursor[string](page.Cursor, cursors)
	if err != nil {
		return nil, meta, err
	}
	list, err := a.Proofs.Checkpoints(r.Context())
	if err != nil {
		return nil, meta, err
	}
	slices.Reverse(list)
	if after != nil {
		at := slices.IndexFunc(list, func(c proof.Published) bool { return hexOf(c.ID()) == *after })
		if at < 0 { // the first page would follow again and again
			return nil, meta, readmodels.ErrCursor
		}
		list = list[at+1:]
	}
	for _, c := range list[:min(len(list), page.Size()+1)] {
		entries = append(
			entries, CheckpointEntry{ID: hexOf(c.ID()), Time: c.Time.UTC(), Records: c.Records(), Note: c.Note},
		)
	}
	entries, meta.NextCursor, err = readmodels.CutPage(
		entries, page.Size(), cursors, func(e CheckpointEntry) string { return e.ID },
	)
	return entries, meta, err
}

// exportBundle sends the proof bundle of the agency. It writes the bundle to an unlinked file
// first: the record of the export contains the last version of the bundle, and no proof may stay in
// memory for a slow client.
func (a *audit) exportBundle(w http.ResponseWriter, r *http.Request, checkpoint string) error {
	file, err := os.CreateTemp("", "ledgerboard-bundle-*")
	if err == nil {
		defer file.Close()
		err = os.Remove(file.Name())
	}
	if err != nil {
		return fmt.Errorf("create bundle file: %w", err)
	}
	parent := auditor(r).ParentAccount
	exported, err := a.Proofs.Bundle(r.Context(), parent, checkpoint, file)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read bundle: %w", err)
	}
	record := domain.AuditExported{What: domain.AuditHistory, Format: domain.FormatBundle, AsOf: exported.Records}
	return a.sendFile(w, r, record, contentNDJSON, "proof-"+parent+".jsonl", func(out *bufio.Writer) error {
		_, err := io.Copy(out, file) // a truncated bundle is detectable
		return err
	})
}

func hexOf(h tlog.Hash) string { return hex.EncodeToString(h[:]) }
