package platforms

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
)

// nodeRound reads posts, or videos. It asks for less of each one that is refused a part; each question asks for
// something less than the one before, so it ends.
type nodeRound struct {
	*facebook
	t     Target
	kind  nodeKind
	start nodePlan // what is asked for first
	open  []question
	size  int  // of a batch
	alone bool // the platform takes no batches: posts are read one by one
	done  []PostSnapshot

	allowed map[string]bool     // parts that some post was read with
	dropped map[string][]string // parts, and the posts that were read without them for lack of a permission
}

type question struct {
	post  Post
	plan  nodePlan
	again bool // the platform ran out of time for it once
}

type nodeAnswer struct {
	question
	silent bool // the platform ran out of time
	err    *Error
	node   postNode
}

func (f *facebook) readNodes(ctx context.Context, t Target, k nodeKind, posts []Post) ([]PostSnapshot, error) {
	r := nodeRound{
		facebook: f, t: t, kind: k, start: f.plan(t, k), size: maxBatch,
		alone: !f.refused.allows(edgeBatch, t.ExternalID, k.op), allowed: map[string]bool{}, dropped: map[string][]string{},
	}
	for _, p := range posts {
		r.open = append(r.open, question{post: p, plan: r.start})
	}
	for len(r.open) > 0 {
		if err := r.step(ctx); err != nil {
			if r.failedAll() != nil {
				return nil, err // the posts were not tried, and are when the connection is tried again
			}
			return r.done, err
		}
	}
	r.remember()
	if e := r.failedAll(); e != nil {
		return nil, e
	}
	return r.done, nil
}

// edgeBatch is what the negative cache files a refusal of the Batch API under.
const edgeBatch = "batch"

// step asks some of the questions. Those that must be asked otherwise come last.
func (r *nodeRound) step(ctx context.Context) error {
	answers, rest, err := r.ask(ctx, r.open)
	if err != nil {
		if e := asError(err); e != nil && oversized(e) && r.size > 1 {
			r.size /= 2
			return nil
		}
		return err
	}
	r.open = rest
	var whole error
	var unknown []question
	for _, a := range answers {
		switch e := a.err; {
		case e == nil:
			if err := r.read(ctx, a.question, a.node); err != nil {
				return err
			}
		case e.Class == ClassReconnect, e.Class == ClassBlocked, e.Class == ClassThrottled:
			whole = e // of more than this post; what else the batch brought is kept
		case e.Class == ClassUnsupportedMetric && a.plan.why == "":
			unknown = append(unknown, a.question)
		default:
			r.askLess(a.question, e)
		}
	}
	if whole != nil || len(unknown) == 0 {
		return whole
	}
	return r.probe(ctx, unknown)
}

func (r *nodeRound) askLess(q question, e *Error) {
	switch {
	case e.Class == ClassInvalid && q.plan.why == "" && badField(e) == r.kind.insights:
		r.refused.refuse(r.kind.edge, r.kind.insights, r.t.ExternalID)
		q.plan.why = ClassInvalid
	case e.Class == ClassPermission && (q.plan.summaries || q.plan.why == ""):
		q.plan = q.plan.less(r.start)
	default:
		r.failed(q, e)
		return
	}
	r.open = append(r.open, q)
}

// probe finds out which metrics the platform refuses: the message does not say. Where it cannot, for a hiccup, the
// posts have failed by that; they are not read without insights, as if those were refused.
func (r *nodeRound) probe(ctx context.Context, unknown []question) error {
	var refused []string
	var unclear *Error
	if first := unknown[0]; !first.plan.probed {
		var err error
		if refused, unclear, err = r.refusedAlone(ctx, first); err != nil {
			return err
		}
	}
	for _, q := range unknown {
		if unclear != nil && len(refused) == 0 {
			r.failed(q, unclear)
			continue
		}
		q.plan = q.plan.known(refused)
		q.plan.probed = unclear == nil
		r.open = append(r.open, q)
	}
	return nil
}

// refusedAlone asks for a post's metrics one by one. Unclear is the hiccup that kept one from being answered; err is
// of more than this post.
func (r *nodeRound) refusedAlone(ctx context.Context, of question) (refused []string, unclear *Error, err error) {
	var ask []question
	for _, metric := range of.plan.metrics {
		ask = append(ask, question{post: of.post, plan: nodePlan{metrics: []string{metric}}})
	}
	for len(ask) > 0 {
		answers, rest, err := r.ask(ctx, ask)
		if err != nil {
			return nil, nil, err
		}
		ask = rest
		for _, a := range answers {
			switch {
			case a.err == nil:
			case a.err.Class == ClassRetry:
				unclear = a.err
			case wholeConnection(a.err):
				err = a.err
			case a.err.Class == ClassUnsupportedMetric:
				metric := a.plan.metrics[0]
				r.refused.refuse(r.kind.edge, metric, r.t.ExternalID)
				refused = append(refused, metric)
			}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return refused, unclear, nil
}

func outOfTime() *Error {
	return &Error{Class: ClassRetry, Code: codeTimeout, Message: "the platform ran out of time for this post, twice"}
}

// ask asks questions by one call, as many as it can, and returns what is left to ask; what the platform ran out of time for
// is asked twice. The error is of more than one post.
func (r *nodeRound) ask(ctx context.Context, open []question) (answers []nodeAnswer, rest []question, err error) {
	all, err := r.call(ctx, open[:min(r.size, len(open))])
	if err != nil {
		return nil, nil, err
	}
	rest = slices.Clone(open[len(all):])
	for _, a := range all {
		if a.silent && !a.again {
			a.again = true
			rest = append(rest, a.question)
			continue
		}
		if a.silent {
			a.err = outOfTime()
		}
		answers = append(answers, a)
	}
	return answers, rest, nil
}

func (r *nodeRound) call(ctx context.Context, questions []question) ([]nodeAnswer, error) {
	if len(questions) == 1 || r.alone {
		return r.askOne(ctx, questions[0])
	}
	paths := make([]string, len(questions))
	for i, q := range questions {
		paths[i] = relative(q.post.ID, r.query(q.plan))
	}
	answers, err := r.batch(ctx, r.kind.op, r.t, paths)
	if refusesBatches(err) {
		return r.withoutBatches(ctx, questions[0], err)
	}
	if err != nil {
		return nil, err
	}
	out := make([]nodeAnswer, len(answers))
	for i, a := range answers {
		out[i] = nodeAnswer{question: questions[i], silent: a.silent, err: a.err}
		if a.body != nil && json.Unmarshal(a.body, &out[i].node) != nil {
			out[i].err = malformed()
		}
	}
	return out, nil
}

func (r *nodeRound) askOne(ctx context.Context, q question) ([]nodeAnswer, error) {
	out := nodeAnswer{question: q}
	err := r.get(ctx, r.kind.op, r.t, q.post.ID, r.query(q.plan), &out.node)
	if out.err = asError(err); wholeConnection(err) || err != nil && out.err == nil {
		return nil, err
	}
	return []nodeAnswer{out}, nil
}

// withoutBatches is the way back: single reads. Which of the two is at fault, the first of them shows.
func (r *nodeRound) withoutBatches(ctx context.Context, first question, refusal error) ([]nodeAnswer, error) {
	answers, err := r.askOne(ctx, first)
	if r.alone = true; err != nil || answers[0].err != nil {
		return answers, err
	}
	r.refused.refuse(edgeBatch, r.kind.op, r.t.ExternalID)
	r.log.WarnContext(ctx, "posts are read one by one: the platform refuses to answer several at a time",
		slog.String("platform", r.platform.String()), slog.Any("error", refusal))
	return answers, nil
}

func (r *nodeRound) query(plan nodePlan) url.Values {
	return url.Values{"fields": {r.kind.fields(plan)}}
}

func (r *nodeRound) read(ctx context.Context, q question, node postNode) error {
	if string(node.ID) != q.post.ID {
		r.failed(q, &Error{Class: ClassRetry, Code: codeMalformed, Message: "the answer does not hold this post under its id"})
		return nil
	}
	r.tally(q)
	if q.plan.why == ClassInvalid {
		if err := r.edgeInsights(ctx, r.t, q.post, &node); err != nil {
			return err
		}
	}
	snap := PostSnapshot{Post: q.post}
	r.kind.read(&snap, node, q.plan)
	r.done = append(r.done, snap)
	return nil
}

func (r *nodeRound) failed(q question, e *Error) {
	e.Platform, e.Op = r.platform, r.kind.op
	r.done = append(r.done, PostSnapshot{Post: q.post, Err: e})
}

// tally notes with which parts a post was read, and without which.
func (r *nodeRound) tally(q question) {
	note := func(part string, asked, with bool) {
		if with {
			r.allowed[part] = true
		} else if asked {
			r.dropped[part] = append(r.dropped[part], q.post.ID)
		}
	}
	note(partSummaries, r.start.summaries, q.plan.summaries)
	note(partInsights, r.start.why == "" && q.plan.why == ClassPermission, q.plan.why == "")
}

// remember files what the token may not read, as against what single posts forbid: a part that two posts were
// refused, and none was read with.
func (r *nodeRound) remember() {
	for part, posts := range r.dropped {
		if !r.allowed[part] && (len(posts) > 1 || r.single.confirmed(r.kind.edge, part, r.t.ExternalID, posts[0])) {
			r.unpermitted.refuse(r.kind.edge, part, r.t.ExternalID)
		}
	}
}

// failedAll is the platform's word where it is no post's fault: it called every question of several wrong, which is our
// request, or answered none of them, which is an outage.
func (r *nodeRound) failedAll() *Error {
	if len(r.done) < 2 {
		return nil
	}
	first := r.done[0].Err
	if first == nil || first.Class != ClassInvalid && first.Class != ClassRetry {
		return nil
	}
	for _, s := range r.done {
		if s.Err == nil || s.Err.Class != first.Class {
			return nil
		}
	}
	return first
}
