package api

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/tempfile"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

type audit struct{ *Server }

var auditGroup = newGroup(tagAudit, func(d Deps) bool { return d.Audit != nil })

// Operations of auditors.
var (
	// GetDashboardHistory lists the changes to a dashboard: who made each one, when, and in which
	// request.
	GetDashboardHistory = auditAt(patternDashboard+"/history", "getDashboardHistory",
		showing(domain.AuditHistory, dashboardHistoryInput.query, HistoryReader.Entries))
	// GetDashboardState returns the state of a dashboard at an instant or version.
	GetDashboardState = auditAt(patternDashboard+"/state", "getDashboardState",
		showing(domain.AuditState, stateInput.query, HistoryReader.State))
	// GetDashboardDiff returns what changed on a dashboard between two instants or versions.
	GetDashboardDiff = auditAt(patternDashboard+"/diff", "getDashboardDiff", showing(domain.AuditDiff, diffInput.query, HistoryReader.Diff))
	// GetAuditHistory lists the changes to all dashboards of the agency.
	GetAuditHistory = auditAt("/api/audit/history", "getAuditHistory", showing(domain.AuditHistory, historyInput.query, HistoryReader.Entries))
	// GetAuditDiff returns what changed on each dashboard of the agency between two instants or
	// versions. Dashboards that did not change in between are omitted. The most recently changed
	// dashboard comes first. All pages refer to the same two moments.
	GetAuditDiff = auditAt("/api/audit/diff", "getAuditDiff", showing(domain.AuditDiff, diffsInput.query, HistoryReader.Diffs))
	// GetAuditAccess lists who had access to any dashboard of the agency, for how long, and which
	// records decided it. Pass at for an instant, or from and to for a range; the default is now. An
	// entry is a continuous period in which a user was on the list of a dashboard that was open to its
	// clients. Agency staff can open every dashboard by role: `meta.staff` lists the staff in the
	// current directory. For an instant, `meta.without_access` lists the dashboards to which no one
	// had access, with the records that decided it. `names_proven` is always false, because the log
	// contains only ids.
	GetAuditAccess = auditAt("/api/audit/access", "getAuditAccess", showing(domain.AuditAccess, spansInput.query, HistoryReader.Spans))
	// GetAccessExport exports who had access to any dashboard of the agency, as one file. The last
	// sheet of a workbook says whether the file is complete and, if it is not, where to continue. CSV
	// and JSON Lines contain rows and nothing else: the header Export-Summary says before the rows
	// whether all can be sent, and a response that cannot be completed is cut off. Each line of JSON
	// Lines is an entry of /api/audit/access, and all lines have the same keys. A cell of CSV that
	// starts like a formula is prefixed with an apostrophe.
	GetAccessExport = auditAt(patternAccess, "getAuditAccessExport", does(audit.exportSpans).sending(ofExports, mediaCSV, mediaNDJSON, mediaXLSX))
	// GetAuditCheckpoints lists the signed checkpoints of the log, newest first. A checkpoint covers
	// the records of all agencies and names none. `note` is the statement with its Ed25519 signature:
	// keep it, and verify it with the public key.
	GetAuditCheckpoints = auditAt("/api/audit/checkpoints", "getAuditCheckpoints", does(audit.checkpoints))
	// GetAuditBundle returns the agency's proof bundle, which can be verified without the service. The
	// bundle contains all records of the agency and the path from the last one that a checkpoint
	// covers to that checkpoint. Verify it with ledgerboard verify --bundle FILE --key PUB, and with
	// --kept OLD against a bundle or checkpoint that you kept. The service builds one bundle at a
	// time; other requests wait.
	GetAuditBundle = auditAt(patternBundle, "getAuditBundle", does(audit.exportBundle).
			refusing(domain.CodeNotFound, domain.CodeConflict).sending([]string{headerDisposition}, mediaNDJSON))
	// GetAuditReads lists who read or exported the audit trail, newest first.
	GetAuditReads = auditAt("/api/audit/reads", "getAuditReads", does(audit.auditReads))
	// Returns whether a user had access to a dashboard at a time, and which records decided it.
	_ = auditAt(patternDashboard+"/access", "getDashboardAccess", showing(domain.AuditAccess, accessInput.query, HistoryReader.Access))
	// Exports the history as a file, oldest change first. The last sheet of a workbook says whether the
	// file is complete and, if it is not, where to continue. CSV and JSON Lines contain rows and nothing
	// else: the header Export-Summary says before the rows whether all can be sent, and a response that
	// cannot be completed is cut off. Each line of JSON Lines is an entry of /api/audit/history, and all lines
	// have the same keys: `skip` is null if the entry is not a skip. A cell of CSV that starts like a
	// formula is prefixed with an apostrophe.
	_ = auditAt(patternExport, "getAuditExport", does(audit.exportHistory).sending(ofExports, mediaCSV, mediaNDJSON, mediaXLSX))
)

// ofExports are the headers of exports.
var ofExports = []string{headerDisposition, headerSummary}

// auditAt registers an operation of auditors.
func auditAt[I, O any](pattern, id string, op typed[I, O]) Op[I, O] {
	op.audit = true
	return route(auditGroup, http.MethodGet, pattern, id, []Role{RoleAgency, RoleAuditor}, op)
}

// auditor returns the caller of these operations for the record. A caller with both roles is recorded
// as an auditor, the role with fewer rights.
func (c Caller) auditor() commands.Caller {
	if c.Roles.Has(RoleAuditor) {
		return c.in(RoleAuditor)
	}
	return c.in(RoleAgency)
}

// showing returns the operation of an audit query. If the read cannot be recorded, it returns no
// data.
func showing[I, R any, M interface{ IncludedVersion() int64 }](
	what string, query func(I, Caller) history.Query,
	read func(HistoryReader, context.Context, history.Query) (R, M, error),
) typed[I, Result[R, M]] {
	return does(func(a audit, ctx context.Context, c Caller, in I) (shown Result[R, M], err error) {
		q := query(in, c)
		if shown.Data, shown.Meta, err = read(a.deps.Audit.History, ctx, q); err != nil {
			return shown, err
		}
		return shown, a.deps.Audit.Records.RecordRead(ctx, c.auditor(), domain.AuditRead{
			What: what, Dashboard: q.Dashboard, AsOf: shown.Meta.IncludedVersion(), Filter: a.upToNow(filterOf(what, q)),
		})
	})
}

// upToNow replaces ends in the future, such as that of today, by now: a view or file contains no
// later changes.
func (a audit) upToNow(f domain.AuditFilter) domain.AuditFilter {
	now := a.deps.Audit.Records.Now().UTC()
	for _, end := range []*string{&f.At, &f.To} {
		if at, err := time.Parse(time.RFC3339Nano, *end); err == nil && at.After(now) { // not a version
			*end = history.Moment{Time: now}.String()
		}
	}
	return f
}

// auditReads returns who read or exported the audit trail, newest first. Reading this list is not
// recorded: every read would make it longer, and it contains nothing about a dashboard.
func (a audit) auditReads(
	ctx context.Context, c Caller, in readsInput,
) (page Result[[]history.AuditReadEntry, history.AuditReadsMeta], err error) {
	page.Data, page.Meta, err = a.deps.Audit.History.Reads(ctx, in.query(c))
	return page, err
}

// AuditDeps contains the dependencies of the auditors' routes.
type AuditDeps struct {
	History HistoryReader
	Records *commands.Audit // records every read before the response is sent
	Proofs  Prover

	maxRows int // maximum number of rows of a sheet; 0 means [tabular.MaxRows]
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
func (a audit) checkpoints(ctx context.Context, _ Caller, in Page) (shown List[CheckpointEntry], err error) {
	page := in.page()
	cursors := readmodels.CursorScope{List: "checkpoints"}
	after, err := readmodels.DecodeCursor[string](page.Cursor, cursors)
	if err != nil {
		return shown, err
	}
	list, err := a.deps.Audit.Proofs.Checkpoints(ctx)
	if err != nil {
		return shown, err
	}
	slices.Reverse(list)
	if after != nil {
		at := slices.IndexFunc(list, func(c proof.Published) bool { return hexOf(c.ID()) == *after })
		if at < 0 { // the first page would follow again and again
			return shown, readmodels.ErrCursor
		}
		list = list[at+1:]
	}
	for _, c := range list[:min(len(list), page.Size()+1)] {
		shown.Data = append(
			shown.Data, CheckpointEntry{ID: hexOf(c.ID()), Time: c.Time.UTC(), Records: c.Records(), Note: c.Note},
		)
	}
	shown.Data, shown.Meta.NextCursor, err = readmodels.CutPage(
		shown.Data, page.Size(), cursors, func(e CheckpointEntry) string { return e.ID },
	)
	return shown, err
}

// exportBundle sends the proof bundle of the agency. It writes the bundle to an unlinked file
// first: the record of the export contains the last version of the bundle, and no proof may stay in
// memory for a slow client.
func (a audit) exportBundle(ctx context.Context, c Caller, in bundleInput) (File, error) {
	parent := c.auditor().ParentAccount
	bundle := File{Type: contentNDJSON, Name: "proof-" + parent + ".jsonl"} // a truncated bundle is detectable
	return bundle.spooled(func(out io.Writer) error {
		exported, err := a.deps.Audit.Proofs.Bundle(ctx, parent, in.Checkpoint, out)
		if err != nil {
			return err
		}
		record := domain.AuditExported{What: domain.AuditHistory, Format: domain.FormatBundle, AsOf: exported.Records}
		return a.deps.Audit.Records.RecordExport(ctx, c.auditor(), record)
	})
}

// spooled returns the file with the content that write has written to an unlinked file, which ends
// when the content is sent, or with this process.
func (f File) spooled(write func(io.Writer) error) (_ File, err error) {
	content, err := tempfile.Unlinked("", "ledgerboard-export-*")
	if err != nil {
		return File{}, fmt.Errorf("file for the content: %w", err)
	}
	defer func() {
		if err != nil {
			content.Close()
		}
	}()
	if err := write(content); err != nil {
		return File{}, err
	}
	f.Write = func(out *bufio.Writer) error {
		defer content.Close()
		_, err := io.Copy(out, io.NewSectionReader(content, 0, math.MaxInt64))
		return err
	}
	return f, nil
}

func hexOf(h tlog.Hash) string { return hex.EncodeToString(h[:]) }
