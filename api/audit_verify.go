package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// The kinds of verifications.
const (
	VerifyOwn = "own" // of the agency's stream
	VerifyAll = "all" // of the whole log, shared by all who ask
)

// The stages of a verification, beside those of package proof.
const (
	VerifyWaiting = "waiting"
	VerifyDone    = "done"
	VerifyFailed  = "failed"
)

// Verifier runs verifications beside the requests that ask for them; *verifications.Runs implements it. Its errors for people are
// [domain.Error]s.
type Verifier interface {
	// Start begins a run, or joins one. Nothing is begun or shown unless record has no error; the caller sees the run from then on.
	Start(ctx context.Context, asked VerifyAsked, record func(ctx context.Context) error) (VerifyRun, error)
	// Look returns a run that the caller has started or joined: the newest without an id. One that does not exist, or is another
	// agency's or user's, is not_found.
	Look(asked VerifyAsked, id string) (VerifyRun, error)
}

// VerifyAsked is who asks for a verification, and for which.
type VerifyAsked struct {
	Agency, User string
	Kind         string // VerifyOwn or VerifyAll
}

// VerifyRun is a verification, and what the caller's agency is told of it.
type VerifyRun struct {
	ID   string `json:"id"`                   // of this process, for some minutes
	Kind string `json:"kind" words:"own all"` // own: of the agency's stream; all: of the whole log
	// Stage is waiting, checkpoints (signed statements are read), records, findings (what was read is held against each other), done or failed.
	Stage        string        `json:"stage" words:"waiting checkpoints records findings done failed"`
	RecordsDone  int64         `json:"records_done"`  // places in the log that were read
	RecordsTotal int64         `json:"records_total"` // places in the log that are to be read; 0 while that is not known
	StartedAt    *time.Time    `json:"started_at"`    // the state that it verifies is of then or later; null while it waits
	FinishedAt   *time.Time    `json:"finished_at"`   // null while it runs
	Failure      string        `json:"failure"`       // why nothing was proved and nothing refuted; "" unless Stage is failed
	Verdict      *VerifyResult `json:"verdict"`       // null until Stage is done
}

// VerifyResult is the end of a verification.
type VerifyResult struct {
	Sound    bool            `json:"sound"`    // nothing was found; of kind all: in the whole log
	Sentence string          `json:"sentence"` // the verdict in words
	Findings []VerifyFinding `json:"findings"` // of this agency alone; of kind own, also what is wrong with the checkpoints that it rests on
	// Elsewhere is how many findings of the whole log are not of this agency. Nothing else is told of them. 0 for kind own.
	Elsewhere int `json:"elsewhere"`
	// Notes say what could not be checked. Of kind all there are none: what they say is of other agencies too.
	Notes    []string   `json:"notes"`
	Version  int64      `json:"version"`   // of the agency's last record; 0 for kind all
	Counted  int64      `json:"counted"`   // records that count: of the agency, or of the log
	Covered  int64      `json:"covered"`   // of these, under a checkpoint that holds
	SignedAt *time.Time `json:"signed_at"` // of the newest checkpoint, by the signer's clock; null where none holds
}

// VerifyFinding is something that is not as it must be.
type VerifyFinding struct {
	Kind      string   `json:"kind"`      // altered, removed, inserted, reordered, truncated, rewritten, foreign, decided on other tables, out of time, checkpoint
	Version   int64    `json:"version"`   // of the record in the agency's stream; 0: no one record
	Partition *int32   `json:"partition"` // where the record lies; null: no one place
	Offset    *int64   `json:"offset"`    // its place there; null: no one place
	Differs   []string `json:"differs"`   // what is another one: data, time, a header's name, order, tail
	Sentence  string   `json:"sentence"`  // the finding in words, as the command line prints it
}

// NewVerifyResult is a verdict as it is answered.
func NewVerifyResult(v proof.Verdict) *VerifyResult {
	r := &VerifyResult{
		Sound: v.Sound, Sentence: v.String(), Findings: []VerifyFinding{}, Elsewhere: v.Elsewhere,
		Notes: append([]string{}, v.Notes...), Version: v.Version, Counted: v.Records, Covered: v.Covered,
	}
	if !v.SignedAt.IsZero() {
		r.SignedAt = new(v.SignedAt.UTC())
	}
	for _, f := range v.Findings {
		r.Findings = append(r.Findings, VerifyFinding{string(f.Kind), f.Version, f.Partition, f.Offset, append([]string{}, f.Differs...), f.String()})
	}
	return r
}

// patternVerify is the address of verifications.
const patternVerify = "/api/audit/verify"

var (
	paramVerifyKind = Param{
		Name: "kind", Kind: KindWord, Words: []string{VerifyOwn, VerifyAll}, wrong: "is no kind of verification: use own or all",
		Text:    "own: the stream of the agency. all: the whole log, of which the agency is told whether it is sound, and its own findings.",
		Default: VerifyOwn, Example: VerifyOwn,
	}
	paramVerifyRun = Param{
		Name: "run", Kind: KindText, Text: "The id of a verification.", Example: "5f2b9c1e8d7a4f60b1c2d3e4f5a69788",
	}
)

// postVerify starts a verification, or joins one. That is the look that is recorded: whoever sees what it finds has asked here.
func (s *Server) postVerify(w http.ResponseWriter, r *http.Request, params *Params, parent, _ string) error {
	asked := VerifyAsked{Agency: parent, User: verifier(r), Kind: cmp.Or(params.word(paramVerifyKind), VerifyOwn)}
	if err := params.Err(); err != nil {
		return err
	}
	what := domain.AuditVerify
	if asked.Kind == VerifyAll {
		what = domain.AuditVerifyAll
	}
	p, _ := PrincipalFrom(r.Context())
	run, err := s.deps.Audit.Verifier.Start(r.Context(), asked, func(ctx context.Context) error {
		return s.deps.Audit.Records.RecordRead(ctx, caller(r, p, p.AccountID, auditRole(p)), domain.AuditRead{What: what})
	})
	if err != nil {
		return err
	}
	return s.writeData(w, run, nil)
}

// getVerify answers a verification that the caller has started or joined. It is not recorded again.
func (s *Server) getVerify(w http.ResponseWriter, r *http.Request, params *Params, parent, _ string) error {
	id := ""
	if params.declares(paramVerifyRun) {
		id = params.text(paramVerifyRun)
	}
	if err := params.Err(); err != nil {
		return err
	}
	run, err := s.deps.Audit.Verifier.Look(VerifyAsked{Agency: parent, User: verifier(r)}, id)
	if err != nil {
		return err
	}
	return s.writeData(w, run, nil)
}

func verifier(r *http.Request) string {
	p, _ := PrincipalFrom(r.Context())
	return p.UserID
}
