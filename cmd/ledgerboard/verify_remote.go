package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
)

const (
	// verifyPath is where a service verifies.
	verifyPath = "/api/audit/verify"
	// verifyLook is how often a service is asked how far it is.
	verifyLook = time.Second
	// maxVerifyMisses is how often in a row a service may not know the verification before it is begun anew: behind one address there may be
	// several processes, and each knows its own alone.
	maxVerifyMisses = 8
	// maxVerifyStarts is how often in a row a verification is begun that is then not known.
	maxVerifyStarts = 5
	// maxVerifyAway is how often in a row a service may be away, or refuse for now, while it is asked how far it is: a minute.
	maxVerifyAway = 60
)

// onService tells whether the verification is one of a running service.
func (c verifyCommand) onService() bool {
	return c.Against == "" && !c.LogOnly && (c.Own || c.given && c.Bundle == "" && c.Parent == "" && !c.Tables)
}

// service lets a running service verify, with an auditor's token, and prints what it finds.
func (c verifyCommand) service(ctx context.Context, s streams) error {
	if len(c.Keys) > 0 {
		fmt.Fprintln(s.Err, "note: --key is not used: the service checks signatures with the keys that its operators named")
	}
	run, raw, err := c.served(ctx, s)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintln(s.Out, string(raw))
	} else {
		printServed(s.Out, *run.Verdict)
	}
	if err == nil && !run.Verdict.Sound {
		err = errFindings
	}
	return err
}

// served starts a verification and waits for its end, which has a verdict.
func (c verifyCommand) served(ctx context.Context, s streams) (run api.VerifyRun, raw json.RawMessage, err error) {
	kind := api.VerifyOwn
	if c.All {
		kind = api.VerifyAll
	}
	at := servedRun{verifyCommand: c, kind: kind}
	if err := at.start(ctx); err != nil {
		return run, nil, err
	}
	bar := newProgress(s.Err, "verify", 0)
	show := func() {
		run = at.run
		bar.label, bar.total = "verify: "+plain(run.Stage), int(run.RecordsTotal)
		bar.add(int(run.RecordsDone) - bar.done)
	}
	show()
	look := time.NewTicker(cmp.Or(c.look, verifyLook))
	defer look.Stop()
	for run.Stage != api.VerifyDone && run.Stage != api.VerifyFailed {
		select {
		case <-ctx.Done():
			return run, nil, ctx.Err()
		case <-look.C:
		}
		if err := at.look(ctx); err != nil {
			return run, nil, err
		}
		show()
	}
	bar.end()
	switch {
	case run.Stage == api.VerifyFailed:
		return run, nil, fmt.Errorf("the service could not verify: %s", plain(run.Failure))
	case run.Verdict == nil:
		return run, nil, errors.New("the answer is not that of ledgerboard: it has no verdict")
	}
	return run, at.raw, nil
}

// servedRun is a verification that a service makes, as far as it was last told.
type servedRun struct {
	verifyCommand

	kind string
	run  api.VerifyRun
	raw  json.RawMessage

	starts, misses, away int // in a row
}

// start begins the verification, or joins one.
func (s *servedRun) start(ctx context.Context) error {
	run, raw, err := s.verification(ctx, http.MethodPost, verifyPath, url.Values{"kind": {s.kind}})
	if err != nil {
		return err
	}
	s.run, s.raw, s.misses = run, raw, 0
	s.starts++
	return nil
}

// look asks how far the verification is. It bears with a service that is away, and with other processes that do not know the run.
func (s *servedRun) look(ctx context.Context) error {
	run, raw, err := s.verification(ctx, http.MethodGet, verifyPath+"/"+s.run.ID, nil)
	if err == nil {
		s.run, s.raw, s.starts, s.misses, s.away = run, raw, 1, 0, 0
		return nil
	}
	if errors.Is(err, errNotFoundThere) {
		if s.misses++; s.misses < maxVerifyMisses {
			return nil
		}
		if s.starts == maxVerifyStarts {
			return err
		}
		if err = s.start(ctx); err == nil {
			return nil
		}
	}
	_, away := errors.AsType[awayError](err)
	if s.away++; !away || s.away > maxVerifyAway || ctx.Err() != nil {
		return err
	}
	return nil
}

// verification asks the service for a verification.
func (c verifyCommand) verification(ctx context.Context, method, path string, query url.Values) (run api.VerifyRun, raw json.RawMessage, err error) {
	var body bytes.Buffer
	if err := c.ask(ctx, method, path, query, &body); err != nil {
		return run, nil, err
	}
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	err = json.Unmarshal(body.Bytes(), &answer)
	if err == nil {
		err = json.Unmarshal(answer.Data, &run)
	}
	if err == nil && run.ID == "" {
		err = errors.New("it has no id")
	}
	if err != nil {
		return run, nil, fmt.Errorf("the answer is not that of ledgerboard: %w", err)
	}
	return run, answer.Data, nil
}

// printServed prints findings as a local verification does, and whose word they are.
func printServed(out io.Writer, v api.VerifyResult) {
	for _, f := range v.Findings {
		fmt.Fprintln(out, plain(f.Sentence))
	}
	for _, text := range v.Notes {
		fmt.Fprintln(out, "note:", plain(text))
	}
	fmt.Fprintln(out, plain(v.Sentence))
	fmt.Fprintln(out, "This is the service's word. 'ledgerboard export --bundle FILE --key PUB' takes the agency's records away with their proof, and needs no trust in the service.")
}
