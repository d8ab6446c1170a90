// What the two Node relying parties have in common: a small web server whose
// pages answer JSON. The protocol is each library's own, in the other files.
import { createServer } from 'node:http'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

// Everything comes from the environment, so that secrets are in no argument.
export const settings = {
  origin: process.env.RP_ORIGIN,
  issuer: new URL(process.env.RP_ISSUER),
  clientID: process.env.RP_CLIENT_ID,
  clientSecret: process.env.RP_CLIENT_SECRET,
  authMethod: process.env.RP_AUTH_METHOD,
  responseMode: process.env.RP_RESPONSE_MODE,
  scope: process.env.RP_SCOPE,
  acr: process.env.RP_ACR,
}
export const redirectURI = settings.origin + '/callback'
export const signedOutURI = settings.origin + '/signed-out'

// privateKey reads the client's own key, an EC key on P-256 in PKCS #8.
export async function privateKey() {
  const pem = readFileSync(process.env.RP_KEY_FILE, 'utf8')
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const key = await crypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  return { key, kid: 'rp-1' }
}

// requestParameters are those that both libraries send.
export function requestParameters(state, nonce, challenge, prompt) {
  const p = {
    redirect_uri: redirectURI, scope: settings.scope, state, nonce, acr_values: settings.acr,
    code_challenge: challenge, code_challenge_method: 'S256',
  }
  if (settings.responseMode !== 'query') p.response_mode = settings.responseMode
  if (prompt) p.prompt = prompt
  return p
}

// needLevel is the relying party's own check: no session below the level asked for.
function needLevel(claims) {
  if (claims?.acr !== settings.acr) throw new Error(`acr is ${claims?.acr}, want ${settings.acr}`)
}

// serve runs the web server. The library gives:
//   begin(prompt)            → {url, state, ...}  an authorization request
//   finish(url, begun)       → {claims, tokens}   url is the callback's with its parameters
//   userinfo(session)        → claims
//   refresh(session)         → {claims, tokens}
//   endSession(session, state) → URL
export function serve(library) {
  const begun = new Map() // by state
  const sessions = new Map() // by cookie
  const logouts = new Set() // states of logouts under way

  const pages = {
    '/login': async ({ url }) => {
      const request = await library.begin(url.searchParams.get('prompt'))
      begun.set(request.state, request)
      return { redirect: request.url.href }
    },
    '/callback': async ({ url, form }) => {
      if (form) url.search = form.toString()
      const request = begun.get(url.searchParams.get('state'))
      if (!request) throw new Error('no such state')
      begun.delete(request.state)
      const posted = Boolean(form)
      if (posted !== (settings.responseMode === 'form_post')) throw new Error(`answered by ${posted ? 'form_post' : 'query'}`)
      const session = await library.finish(url, request)
      needLevel(session.claims)
      const id = randomUUID()
      sessions.set(id, session)
      return {
        cookie: id,
        json: { sub: session.claims.sub, acr: session.claims.acr, refresh: Boolean(session.tokens.refresh_token) },
      }
    },
    '/userinfo': async ({ session }) => ({ json: await library.userinfo(session) }),
    '/refresh': async ({ session }) => {
      const before = session.tokens
      const { claims, tokens } = await library.refresh(session)
      if (claims) needLevel(claims)
      session.tokens = { ...before, ...tokens }
      return {
        json: {
          sub: claims?.sub, acr: claims?.acr,
          fresh: tokens.access_token !== before.access_token,
          rotated: Boolean(tokens.refresh_token) && tokens.refresh_token !== before.refresh_token,
        },
      }
    },
    '/logout': async ({ session, id }) => {
      const state = randomUUID()
      logouts.add(state)
      sessions.delete(id)
      return { redirect: (await library.endSession(session, state)).href }
    },
    '/signed-out': async ({ url }) => ({ json: { signed_out: logouts.delete(url.searchParams.get('state')) } }),
  }
  const needsSession = new Set(['/userinfo', '/refresh', '/logout'])

  const server = createServer(async (req, res) => {
    try {
      const url = new URL(req.url, settings.origin)
      const page = pages[url.pathname]
      if (!page) return res.writeHead(404).end()
      const id = /(?:^|; )rp_node=([^;]+)/.exec(req.headers.cookie ?? '')?.[1]
      const session = sessions.get(id)
      if (needsSession.has(url.pathname) && !session) {
        return res.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"signed_out"}')
      }
      let form
      if (req.method === 'POST') {
        const chunks = []
        for await (const chunk of req) chunks.push(chunk)
        form = new URLSearchParams(Buffer.concat(chunks).toString())
      }
      const out = await page({ url, form, session, id })
      if (out.cookie) res.setHeader('set-cookie', `rp_node=${out.cookie}; Path=/; HttpOnly`)
      if (out.redirect) return res.writeHead(303, { location: out.redirect }).end()
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(out.json))
    } catch (err) {
      console.error(req.method, req.url.split('?')[0], err)
      const error = err.error ?? err.code ?? 'failed'
      res.writeHead(400, { 'content-type': 'application/json' })
      res.end(JSON.stringify({ error, detail: err.error_description ?? err.message }))
    }
  })
  server.listen(Number(new URL(settings.origin).port), '127.0.0.1')
  process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeAllConnections() })
}
