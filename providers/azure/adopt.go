package azure

import (
	"context"
	"io"
	"os"

	"github.com/ferryfn/ferry/providers"
)

// adoptable refuses an app that is on another plan: one cannot be made of the other.
func (a *app) adoptable(ctx context.Context) (*site, error) {
	s, err := a.site(ctx, a.name)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, fail(providers.NotFound, "adopt", a.function, "", "there is no function app %s", a.name)
	case !s.flexible():
		return nil, fail(providers.Unsupported, "adopt", a.function, "deploy it beside, and move its callers", "the app %s is not on Flex Consumption, and cannot be moved there", a.name)
	}
	return s, a.lookAt(s)
}

// adopt copies the package that the app runs into a container of ferry's, as a revision, and then puts ferry's tags on the app.
// Its configuration stays; what is a setting there is not ferry's, and none of it is copied: it may hold keys.
func (a *app) adopt(ctx context.Context, e providers.Epoch) error {
	s, err := a.adoptable(ctx)
	if err != nil {
		return err
	}
	if err := a.makeStorage(ctx); err != nil {
		return err
	}
	if err := a.makeContainer(ctx, a.box.name); err != nil {
		return err
	}
	tag, err := a.packageTag(ctx)
	if err != nil {
		return err
	}
	functions, err := a.functionsOf(ctx, a.name)
	if err != nil {
		return err
	}
	r := record{ID: "adopted-" + short(a.name, string(tag)), Scale: s.scale(), Tags: a.tags(function{}), Names: functions, Adopted: true, Settings: map[string]string{}}
	r.Tags[tagged().Key("function")] = a.function
	r.Tags[tagAdopted] = "true"
	if f := s.Properties.FunctionAppConfig; f.Runtime != nil {
		r.Runtime = *f.Runtime
	}
	if r.Package, err = a.copied(ctx, short(a.name, string(tag))); err != nil {
		return err
	}
	if _, err := a.box.write(ctx, recordKey(r.ID), r, condition{}); err != nil {
		return err
	}
	is := claim{Epochs: map[string]providers.Epoch{a.targetName: e}, Live: r.ID, Digest: r.Digest, Settings: r.ID, Package: string(tag), HTTP: true}
	if _, err := a.box.write(ctx, claimKey, is, condition{absent: true}); err != nil && !conditionFailed(err) {
		return err
	}
	has, err := a.appSettings(ctx, a.name)
	if err != nil {
		return err
	}
	_, err = a.putSite(ctx, a.name, a.desired(r, s, has))
	return err
}

// copied is the name of the copy of the package that the app runs, "" of an app without one.
func (a *app) copied(ctx context.Context, as string) (string, error) {
	out, err := a.packages.get(ctx, packageBlob)
	if err != nil {
		return "", unlessMissing(err)
	}
	defer out.Body.Close()
	file, err := os.CreateTemp("", "ferry-azure-*.zip")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := io.Copy(file, out.Body); err != nil {
		return "", err
	}
	_, err = a.box.put(ctx, packageKey(as), file, condition{})
	return as, err
}
