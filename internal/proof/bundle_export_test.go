package proof

// RowsOf keeps rows with these offsets, forgets those before one of them, and returns which offsets in [from, to) are there then.
func RowsOf(offsets []int64, forget, from, to int64) (found []int64, err error) {
	var r rows
	defer r.close()
	for i, at := range offsets {
		r.add(row{offset: at, owner: int32(i), time: uint32(at), pushed: at%3 == 0})
	}
	r.forget(r.search(forget))
	r.between(from, to, func(x row) {
		if x.owner != 0 && (x.time != uint32(x.offset) || x.pushed != (x.offset%3 == 0)) {
			found = append(found, -1)
		}
		found = append(found, x.offset)
	})
	if n := r.search(from); n < r.len() && len(found) > 0 && r.at(n).offset != found[0] {
		found = append(found, -1)
	}
	return found, r.err
}

// Waiting is how many ask a prover, and whether it has a reading of the log for some of them.
func Waiting(p *Prover) (asking int, holds bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asking, p.read != nil
}
