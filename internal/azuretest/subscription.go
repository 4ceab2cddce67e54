package azuretest

import (
	"slices"
	"strings"
)

// subscription is what is billed.
type subscription struct {
	id, name     string
	unregistered []string // namespaces of providers
}

func newSubscription(id, name string) *subscription { return &subscription{id: id, name: name} }

// AddSubscription makes another subscription, which Caller owns too.
func (c *Cloud) AddSubscription(id, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscriptions = append(c.subscriptions, newSubscription(id, name))
	c.grant(Caller, "Owner", "/subscriptions/"+id)
}

// Unregister takes providers of resources from the subscription, as they are in a new one.
func (c *Cloud) Unregister(namespaces ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscriptions[0].unregistered = append(c.subscriptions[0].unregistered, namespaces...)
}

func (c *Cloud) subscription(id string) *subscription {
	for _, s := range c.subscriptions {
		if strings.EqualFold(s.id, id) {
			return s
		}
	}
	return nil
}

func (s *subscription) registered(namespace string) bool {
	return !slices.ContainsFunc(s.unregistered, func(n string) bool { return strings.EqualFold(n, namespace) })
}

func (s *subscription) wire() object {
	return object{
		"id": "/subscriptions/" + s.id, "subscriptionId": s.id, "displayName": s.name, "state": "Enabled", "tenantId": Tenant,
		"authorizationSource": "RoleBased", "managedByTenants": []object{},
		"subscriptionPolicies": object{"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"},
	}
}

// listSubscriptions lists those in which the caller has any role.
func (c *Cloud) listSubscriptions(r *request) (any, error) {
	all := []object{}
	for _, s := range c.subscriptions {
		if c.known(r.caller, "/subscriptions/"+s.id) {
			all = append(all, s.wire())
		}
	}
	return object{"value": all, "count": object{"type": "Total", "value": len(all)}}, nil
}

func (c *Cloud) getSubscription(r *request) (any, error) {
	return c.subscription(r.vars["subscription"]).wire(), nil
}

func (c *Cloud) listLocations(r *request) (any, error) {
	all := []object{}
	for _, name := range locations() {
		all = append(all, object{
			"id": "/subscriptions/" + r.vars["subscription"] + "/locations/" + name, "name": name, "displayName": displayName(name),
			"regionalDisplayName": displayName(name), "type": "Region", "metadata": object{"regionType": "Physical", "regionCategory": "Recommended"},
		})
	}
	return object{"value": all}, nil
}

// displayName is how App Service writes a region: "West Europe".
func displayName(location string) string {
	known := map[string]string{
		"eastus": "East US", "eastus2": "East US 2", "westus2": "West US 2", "westus3": "West US 3", "centralus": "Central US",
		"northeurope": "North Europe", "westeurope": "West Europe", "swedencentral": "Sweden Central", "uksouth": "UK South",
		"germanywestcentral": "Germany West Central", "francecentral": "France Central", "australiaeast": "Australia East",
		"southeastasia": "Southeast Asia", "japaneast": "Japan East",
	}
	return known[place(location)]
}

// namespaces are the providers that are here.
func namespaces() []string {
	return []string{
		"Microsoft.App", "Microsoft.Authorization", "Microsoft.EventGrid", "Microsoft.Insights", "Microsoft.KeyVault", "Microsoft.ManagedIdentity",
		"Microsoft.OperationalInsights", "Microsoft.Resources", "Microsoft.ServiceBus", "Microsoft.Storage", "Microsoft.Web",
	}
}

func (c *Cloud) providerWire(s *subscription, namespace string) object {
	state := "Registered"
	if !s.registered(namespace) {
		state = "NotRegistered"
	}
	types := []object{}
	for _, id := range sortedKeys(c.kinds) {
		k := c.kinds[id]
		if short, ok := strings.CutPrefix(k.name, namespace+"/"); ok {
			shown := []string{}
			for _, name := range locations() {
				shown = append(shown, displayName(name))
			}
			types = append(types, object{"resourceType": short, "apiVersions": k.versions, "locations": shown})
		}
	}
	return object{
		"id": "/subscriptions/" + s.id + "/providers/" + namespace, "namespace": namespace, "registrationState": state,
		"registrationPolicy": "RegistrationRequired", "resourceTypes": types,
	}
}

func (c *Cloud) listProviders(r *request) (any, error) {
	all := []object{}
	for _, namespace := range namespaces() {
		all = append(all, c.providerWire(c.subscription(r.vars["subscription"]), namespace))
	}
	return object{"value": all}, nil
}

func (c *Cloud) getProvider(r *request) (any, error) {
	namespace, err := providerOf(r)
	if err != nil {
		return nil, err
	}
	return c.providerWire(c.subscription(r.vars["subscription"]), namespace), nil
}

func providerOf(r *request) (string, error) {
	for _, namespace := range namespaces() {
		if strings.EqualFold(namespace, r.vars["provider"]) {
			return namespace, nil
		}
	}
	return "", refuse(404, "InvalidResourceNamespace", "The resource namespace '%s' is invalid.", r.vars["provider"])
}

func (c *Cloud) register(r *request) (any, error) {
	namespace, err := providerOf(r)
	if err != nil {
		return nil, err
	}
	if action := namespace + "/register/action"; !c.allows(r.caller, action, "/subscriptions/"+r.vars["subscription"]) {
		of := *r.op
		of.action, r.op = action, &of
		return nil, denied(r)
	}
	s := c.subscription(r.vars["subscription"])
	s.unregistered = slices.DeleteFunc(s.unregistered, func(n string) bool { return strings.EqualFold(n, namespace) })
	out := c.providerWire(s, namespace)
	out["registrationState"] = "Registering"
	return out, nil
}
