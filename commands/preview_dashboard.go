package commands

import (
	"context"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Preview judges and decides a change as [Dashboards.Update] does, by the same code on the same facts, and appends nothing. Errors are
// those of Update, but for those of a record that is on its way.
func (d *Dashboards) Preview(ctx context.Context, u UpdateDashboard) (domain.DashboardPreview, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Deadline)
	defer cancel()
	if err := d.Gate(); err != nil {
		return domain.DashboardPreview{}, err
	}
	c := d.begin(u.change())
	c.preview = true
	view, data, err := d.consider(ctx, c)
	if err != nil {
		return domain.DashboardPreview{}, err
	}
	event, _ := data.(domain.DashboardEvent)
	if event != nil && d.Fits != nil {
		if err := d.appended(ctx, c, d.Fits(d.draft(c, event, view.Head))); err != nil {
			return domain.DashboardPreview{}, err
		}
	}
	return domain.PreviewOf(view, c.need.Primary, event)
}
