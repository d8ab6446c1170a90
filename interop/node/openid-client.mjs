// A relying party on openid-client.
import * as client from 'openid-client'
import { privateKey, redirectURI, requestParameters, serve, settings, signedOutURI } from './rp.mjs'

const authentication = {
  client_secret_basic: () => client.ClientSecretBasic(settings.clientSecret),
  client_secret_post: () => client.ClientSecretPost(settings.clientSecret),
  private_key_jwt: async () => client.PrivateKeyJwt(await privateKey()),
  none: () => client.None(),
}
const metadata = { token_endpoint_auth_method: settings.authMethod, id_token_signed_response_alg: process.env.RP_ID_TOKEN_ALG }
const config = await client.discovery(settings.issuer, settings.clientID, metadata, await authentication[settings.authMethod](), {
  execute: [client.allowInsecureRequests], // http on loopback
})
client.enableNonRepudiationChecks(config) // the ID token's signature is checked, TLS or not

serve({
  async begin(prompt) {
    const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()]
    const challenge = await client.calculatePKCECodeChallenge(verifier)
    return { url: client.buildAuthorizationUrl(config, requestParameters(state, nonce, challenge, prompt)), state, nonce, verifier }
  },
  async finish(url, begun) {
    let answer = url
    if (settings.responseMode === 'form_post') {
      const body = url.search.slice(1)
      answer = new Request(redirectURI, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    }
    const tokens = await client.authorizationCodeGrant(config, answer, {
      expectedState: begun.state, expectedNonce: begun.nonce, pkceCodeVerifier: begun.verifier, idTokenExpected: true,
    })
    return { tokens, claims: tokens.claims() }
  },
  userinfo: ({ tokens, claims }) => client.fetchUserInfo(config, tokens.access_token, claims.sub),
  async refresh(session) {
    const tokens = await client.refreshTokenGrant(config, session.tokens.refresh_token)
    return { tokens, claims: tokens.claims() }
  },
  endSession: ({ tokens }, state) => client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: signedOutURI, state,
  }),
})
