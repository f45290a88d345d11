package identity

// UsualCost is what a try costs at least that is not right.
const UsualCost = usualCost

// Rest are the costs of what is computed after a try of a cost.
func (p *Passwords) Rest(cost int) []int { return p.rest(cost) }

// Busy has others compute, as many as may at once; what it returns ends that.
func (p *Passwords) Busy() (end func()) { return fill(p.turns) }

// Full has as many tries under way as may be; what it returns ends that.
func (p *Passwords) Full() (end func()) { return fill(p.tries) }

func fill(places chan struct{}) (empty func()) {
	for range cap(places) {
		places <- struct{}{}
	}
	return func() {
		for range cap(places) {
			<-places
		}
	}
}
