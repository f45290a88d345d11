package legacy

import "time"

// Text, Int and Time read a field of any name, for tests of value formats; Err returns the faults.
func (r *Row) Text(name string) string         { return optional(r, asIs, name) }
func (r *Row) Int(name string) *int64          { return r.figure(name) }
func (r *Row) Time(names ...string) *time.Time { return field(r, r.time, names...) }
func (r *Row) Err() error                      { return r.err() }
