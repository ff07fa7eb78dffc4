package upstream

// resolvConf does not exist: servers belong to interfaces here.
const resolvConf = ""
