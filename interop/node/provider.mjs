// An OpenID provider on oidc-provider, with synthetic people. The one page that is
// not the library's own asks for login name and password.
import { createServer } from 'node:http'
import { generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto'
import Provider from 'oidc-provider'

// Everything comes from the environment, so that secrets are in no argument.
const issuer = process.env.OP_ISSUER
const client = JSON.parse(process.env.OP_CLIENT) // metadata of the one client
const people = JSON.parse(process.env.OP_PEOPLE) // {sub, login, password, number, name, born, acr}

const key = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'op-1' }

const provider = new Provider(issuer, {
  clients: [client],
  jwks: { keys: [key] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  acrValues: [...new Set(people.map(({ acr }) => acr).filter(Boolean))],
  claims: { openid: ['sub'], profile: ['name', 'birthdate'], eid: ['personal_number'] },
  scopes: ['openid', 'profile', 'eid'],
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    encryption: { enabled: true },
    jwtUserinfo: { enabled: true },
  },
  pkce: { required: () => true },
  // Without its guard against private addresses: the gateway is on loopback.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
  async findAccount(_, sub) {
    const who = people.find((p) => p.sub === sub)
    return who && {
      accountId: sub,
      claims: () => ({ sub, name: who.name, birthdate: who.born, personal_number: who.number }),
    }
  },
  // Nobody is asked to consent: the gateway is no third party here.
  async loadExistingGrant({ oidc }) {
    const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
    grant.addOIDCScope('openid profile eid')
    await grant.save()
    return grant
  },
})
provider.on('server_error', (_, err) => console.error(err))
for (const event of ['authorization.error', 'grant.error', 'userinfo.error', 'end_session.error', 'backchannel.error']) {
  provider.on(event, (_, err) => console.error(event, err.message, err.error_description, err.error_detail ?? ''))
}
provider.on('backchannel.success', () => console.error('backchannel.success'))

function samePassword(a, b) {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

function loginPage(problem) {
  return `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Sign in</title><h1>Sign in</h1>${problem ? `<p role="alert">${problem}</p>` : ''}
<form method="post"><label>Name <input name="login_name"></label> <label>Password <input name="password" type="password"></label>
<button class="primary">Sign in</button></form></html>`
}

async function login(req, res) {
  await provider.interactionDetails(req, res) // of this browser, or it throws
  if (req.method !== 'POST') return res.writeHead(200, { 'content-type': 'text/html' }).end(loginPage())
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  const form = new URLSearchParams(Buffer.concat(chunks).toString())
  const who = people.find((p) => p.login === form.get('login_name'))
  if (!who || !samePassword(who.password, form.get('password') ?? '')) {
    return res.writeHead(401, { 'content-type': 'text/html' }).end(loginPage('Wrong name or password.'))
  }
  await provider.interactionFinished(req, res, { login: { accountId: who.sub, acr: who.acr || undefined, amr: ['pwd'] } })
}

const pages = provider.callback()
const server = createServer(async (req, res) => {
  try {
    if (req.url.startsWith('/login/')) await login(req, res)
    else await pages(req, res)
  } catch (err) {
    console.error(req.method, req.url.split('?')[0], err)
    res.writeHead(400).end()
  }
})
server.listen(Number(new URL(issuer).port), '127.0.0.1')
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeAllConnections() })
